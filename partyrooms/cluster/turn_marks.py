"""The turns of a room whose sockets outlive it, as its gateways hear of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from partyrooms.core.recovery import Mark, Tally, encode_progress

if TYPE_CHECKING:
    from partyrooms.cluster.audience import RoomAudience
    from partyrooms.cluster.subscription import Berth
    from partyrooms.runtime.turn import Turn

Post = Callable[[], None]
"""Puts an item on one link, or on several."""


class Turns:
    """
    Numbers one life's turns, and lets what they say leave with a mark before it.

    While a turn leaves, what it says is kept back until all of it is known: the mark
    tells each gateway how much follows.

    Args:
        tally: The account.
        audience: The gateways.
    """

    def __init__(self, tally: Tally, audience: "RoomAudience") -> None:
        self.is_leaving = False
        self._tally = tally
        self._audience = audience
        self._sizes: dict[bytes, int] = {}
        self._posts: list[Post] = []

    def enter(self, berth: "Berth") -> None:
        """Let a gateway hear of the turns from now on."""
        self._tally.enter(berth.peer.node, berth.join, berth.handled_count)

    def leave(self, berth: "Berth", *, is_dead: bool) -> None:
        """A gateway is gone."""
        self._tally.leave(berth.peer.node, is_dead=is_dead)

    @property
    def is_stale(self) -> bool:
        """Whether whoever comes next would ask too many gateways, or too few."""
        return self._tally.is_stale

    def progress(self, *, is_final: bool = False) -> bytes | None:
        """How far everybody is, to be stored; None: nobody is there, as is stored."""
        if not (self._tally.gateways or is_final or self.is_stale):
            return None
        return encode_progress(self._tally.progress(is_final=is_final))

    def not_stored(self) -> None:
        """What ``progress`` gave last was not stored."""
        self._tally.not_stored()

    def interrupt(self, turn: "Turn") -> None:
        """A part of a turn is being stored before its end."""
        if not turn.is_interrupted:
            turn.is_interrupted = True
            self._tally.interrupt(self._sender(turn))

    def owe_all(self) -> None:
        """Each gateway is to be told something yet that belongs to no turn."""
        self._tally.interrupt(None)

    def close(self, turn: "Turn") -> None:
        """A turn has ended: number it, and see to it that it leaves as one."""
        if not self._tally.gateways:
            return
        sender = self._sender(turn)
        marks = self._tally.close(
            self._targets(turn), sender, interrupted=turn.is_interrupted
        )
        if marks:
            turn.outputs = [(self._begin, None), *turn.outputs, (self._end, marks)]

    def keep(self, berths: "list[Berth]", post: Post) -> None:
        """Something that the leaving turn says, to one gateway or to several."""
        self._posts.append(post)
        for berth in berths:
            node = berth.peer.node
            self._sizes[node] = self._sizes.get(node, 0) + 1

    def _sender(self, turn: "Turn") -> bytes | None:
        if turn.receipt is None:
            return None
        berth: Berth = turn.receipt[0].__self__  # type: ignore[attr-defined]
        return berth.peer.node if self._audience.is_moored(berth) else None

    def _targets(self, turn: "Turn") -> set[bytes]:
        found: set[bytes] = set()
        for deliver, _ in turn.outputs:
            speaker: Any = getattr(deliver, "__self__", None)
            if speaker is self._audience:
                return set(self._tally.gateways)
            gateway = getattr(speaker, "gateway", None)
            if gateway is not None:
                found.add(gateway)
        return found

    def _begin(self, _: None) -> None:
        self.is_leaving = True

    def _end(self, marks: dict[bytes, Mark]) -> None:
        self.is_leaving = False
        posts, self._posts = self._posts, []
        sizes, self._sizes = self._sizes, {}
        for berth in self._audience.berths():
            mark = marks.get(berth.peer.node)
            if mark is not None and berth.is_open:
                berth.mark(mark, sizes.get(berth.peer.node, 0))
        for post in posts:
            post()

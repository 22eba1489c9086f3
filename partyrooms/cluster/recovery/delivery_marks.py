"""The turns of a room whose sockets outlive its owner, as its gateways see them."""

from collections.abc import Callable, Collection, Iterable, ValuesView

from partyrooms.cluster.gateway import Gateway
from partyrooms.core.delivery_log import Mark, SentLog
from partyrooms.core.recovery import encode_progress
from partyrooms.runtime.turn import EVERYBODY, Turn

Post = Callable[[], None]
"""Puts a message on one link, or on several."""


class DeliveryMarks:
    """
    Numbers one life's turns, and has each turn's messages sent with a mark first.

    While a turn is sent, its messages are kept until all of them are known: the mark
    contains how many follow for each gateway.

    Attributes:
        is_sending: A turn is being sent now.

    Args:
        log: The life's turns so far.
        gateways: Those that have joined, as they are at any time.
    """

    def __init__(self, log: SentLog, gateways: ValuesView[Gateway]) -> None:
        self.is_sending = False
        self._log = log
        self._gateways = gateways
        self._sizes: dict[bytes, int] = {}
        self._posts: list[Post] = []

    def enter(self, gateway: Gateway) -> None:
        """Serve a gateway from now on."""
        self._log.enter(gateway.link.node, gateway.join, gateway.handled_count)

    def leave(self, gateway: Gateway, *, is_dead: bool) -> None:
        """A gateway is gone."""
        self._log.leave(gateway.link.node, is_dead=is_dead)

    @property
    def is_stale(self) -> bool:
        """Whether the next owner would ask too many gateways, or too few."""
        return self._log.is_stale

    def progress(self, *, is_final: bool = False) -> bytes | None:
        """How far everybody is, to be stored; None: nobody is there, as is stored."""
        if not (self._log.gateways or is_final or self.is_stale):
            return None
        return encode_progress(self._log.progress(is_final=is_final))

    def not_stored(self) -> None:
        """What ``progress`` gave last was not stored."""
        self._log.not_stored()

    def interrupt(self, turn: Turn) -> None:
        """A part of a turn is being stored before its end."""
        if not turn.is_interrupted:
            turn.is_interrupted = True
            self._log.interrupt(self._sender(turn))

    def expect_more(self) -> None:
        """Each gateway is to be sent something yet that belongs to no turn."""
        self._log.interrupt(None)

    def close(self, turn: Turn) -> None:
        """A turn has ended: number it, and have it sent as one."""
        if not (self._log.gateways or turn.is_interrupted):
            return  # What ``interrupt`` has raised falls again, whoever is there.
        marks = self._log.close(
            self._targets(turn), self._sender(turn), interrupted=turn.is_interrupted
        )
        if marks:
            begin, end = (self._begin, None, None), (self._end, marks, None)
            turn.outputs = [begin, *turn.outputs, end]

    def keep(self, gateways: Iterable[Gateway], post: Post) -> None:
        """Keep a message of the turn that is being sent, to one or several gateways."""
        self._posts.append(post)
        for gateway in gateways:
            node = gateway.link.node
            self._sizes[node] = self._sizes.get(node, 0) + 1

    def _sender(self, turn: Turn) -> bytes | None:
        """Whose event the turn has handled; None: nobody's who is still here."""
        if turn.receipt is None:
            return None
        _, gateway, node = turn.receipt
        return node if gateway in self._gateways else None

    def _targets(self, turn: Turn) -> Collection[bytes]:
        found = {target for _, _, target in turn.outputs if target is not None}
        return tuple(self._log.gateways) if EVERYBODY in found else found

    def _begin(self, _: None) -> None:
        self.is_sending = True

    def _end(self, marks: dict[bytes, Mark]) -> None:
        self.is_sending = False
        posts, self._posts = self._posts, []
        sizes, self._sizes = self._sizes, {}
        for gateway in tuple(self._gateways):
            mark = marks.get(gateway.link.node)
            if mark is not None and gateway.is_open:
                gateway.mark(mark, sizes.get(gateway.link.node, 0))
        for post in posts:
            post()

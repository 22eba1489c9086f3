"""The turns of a room whose sockets outlive it, as its gateways hear of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from partyrooms.core.delivery_log import Mark, SentLog
from partyrooms.core.recovery import encode_progress
from partyrooms.runtime.turn import EVERYBODY, Turn

if TYPE_CHECKING:
    from partyrooms.cluster.audience import ClusterAudience
    from partyrooms.cluster.subscription import Subscription

Post = Callable[[], None]
"""Puts a message on one link, or on several."""


class DeliveryMarks:
    """
    Numbers one life's turns, and lets what they say leave with a mark before it.

    While a turn leaves, what it says is kept back until all of it is known: the mark
    tells each gateway how much follows.

    Args:
        tally: The account.
        audience: The gateways.
    """

    def __init__(self, tally: SentLog, audience: "ClusterAudience") -> None:
        self.is_leaving = False
        self._sent_log = tally
        self._audience = audience
        self._sizes: dict[bytes, int] = {}
        self._posts: list[Post] = []

    def enter(self, subscription: "Subscription") -> None:
        """Let a gateway hear of the turns from now on."""
        self._sent_log.enter(
            subscription.link.node, subscription.join, subscription.handled_count
        )

    def leave(self, subscription: "Subscription", *, is_dead: bool) -> None:
        """A gateway is gone."""
        self._sent_log.leave(subscription.link.node, is_dead=is_dead)

    @property
    def is_stale(self) -> bool:
        """Whether whoever comes next would ask too many gateways, or too few."""
        return self._sent_log.is_stale

    def progress(self, *, is_final: bool = False) -> bytes | None:
        """How far everybody is, to be stored; None: nobody is there, as is stored."""
        if not (self._sent_log.gateways or is_final or self.is_stale):
            return None
        return encode_progress(self._sent_log.progress(is_final=is_final))

    def not_stored(self) -> None:
        """What ``progress`` gave last was not stored."""
        self._sent_log.not_stored()

    def interrupt(self, turn: Turn) -> None:
        """A part of a turn is being stored before its end."""
        if not turn.is_interrupted:
            turn.is_interrupted = True
            self._sent_log.interrupt(self._sender(turn))

    def expect_more(self) -> None:
        """Each gateway is to be told something yet that belongs to no turn."""
        self._sent_log.interrupt(None)

    def close(self, turn: Turn) -> None:
        """A turn has ended: number it, and see to it that it leaves as one."""
        if not self._sent_log.gateways:
            return
        sender = self._sender(turn)
        marks = self._sent_log.close(
            self._targets(turn), sender, interrupted=turn.is_interrupted
        )
        if marks:
            turn.outputs = [
                (self._begin, None, None),
                *turn.outputs,
                (self._end, marks, None),
            ]

    def keep(self, subscriptions: "list[Subscription]", post: Post) -> None:
        """Something that the leaving turn says, to one gateway or to several."""
        self._posts.append(post)
        for subscription in subscriptions:
            node = subscription.link.node
            self._sizes[node] = self._sizes.get(node, 0) + 1

    def _sender(self, turn: Turn) -> bytes | None:
        """Whose event the turn has handled; None: nobody's who is still here."""
        if turn.receipt is None:
            return None
        _, _, node = turn.receipt
        joined = {one.link.node for one in self._audience.subscriptions()}
        return node if node in joined else None

    def _targets(self, turn: Turn) -> set[bytes]:
        found = {target for _, _, target in turn.outputs if target is not None}
        return set(self._sent_log.gateways) if EVERYBODY in found else found

    def _begin(self, _: None) -> None:
        self.is_leaving = True

    def _end(self, marks: dict[bytes, Mark]) -> None:
        self.is_leaving = False
        posts, self._posts = self._posts, []
        sizes, self._sizes = self._sizes, {}
        for subscription in self._audience.subscriptions():
            mark = marks.get(subscription.link.node)
            if mark is not None and subscription.is_open:
                subscription.mark(mark, sizes.get(subscription.link.node, 0))
        for post in posts:
            post()

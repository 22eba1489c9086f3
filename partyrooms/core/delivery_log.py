"""
How far each gateway of a room was served, so that a dead owner's work can be continued.

An owner numbers its turns. What a turn sends to a gateway begins with a mark: the
turn's number, how many messages follow, how many of the gateway's events were handled
by then, and what has changed for the other gateways. With each commit the same is
stored. When the owner dies, its last turn that counts is the highest one that the row
or any gateway knows: nobody has seen anything of a later one. A gateway that has
received everything up to that turn has lost nothing; its events that were not handled
by then are sent to the next owner, and nobody has seen anything of them before.
"""

from collections.abc import Collection

import msgspec


class Delivered(msgspec.Struct, frozen=True, array_like=True):
    """
    How far one gateway was served.

    Attributes:
        join: In which of its joins.
        handled: How many events of that join were handled.
        last: The last turn that sent anything to it.
    """

    join: int
    handled: int
    last: int


DeliveredByGateway = dict[bytes, Delivered]
"""By the gateway's node."""

NEVER = 2**62
"""The ``last`` turn of a gateway that was given up: it does not get there."""


class Progress(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """
    What is stored with a commit.

    Attributes:
        epoch: Whose turns.
        turn: The last one that had ended.
        is_final: The room was given up after it: there is no later one.
        delivered: How far each gateway was served by then.
    """

    epoch: int
    turn: int
    is_final: bool
    delivered: DeliveredByGateway

    @property
    def gateways(self) -> list[bytes]:
        """Those that were served at the end."""
        return [
            one for one, delivered in self.delivered.items() if delivered.last != NEVER
        ]


class Received(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """
    What a gateway has of an owner that is gone.

    Attributes:
        epoch: The owner's; 0: the gateway has received nothing of it.
        join: The join that it was served in.
        seen: The last turn that it has all of.
        touched: The last turn that it has anything of.
        delivered: How far each gateway was served by the end of that one.
    """

    epoch: int
    join: int
    seen: int = 0
    touched: int = 0
    delivered: DeliveredByGateway = {}


class Mark(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """
    How a turn begins at one gateway.

    Attributes:
        turn: Its number.
        handled: How many events of the gateway's join were handled by its end.
        everyone: The last turn that has sent something to every gateway, or may have.
            So a broadcast is no news of each gateway to each other one.
        news: What else has changed since the gateway's mark before; itself included.
    """

    turn: int
    handled: int
    everyone: int
    news: DeliveredByGateway


def _with_all(delivered: DeliveredByGateway, everyone: int) -> DeliveredByGateway:
    """How far each was served, together with what every one was sent."""
    return {
        node: one
        if one.last >= everyone
        else Delivered(one.join, one.handled, everyone)
        for node, one in delivered.items()
    }


class SentLog:
    """
    What an owner has sent to its gateways, turn by turn, for one epoch.

    Args:
        epoch: The ownership period.
        listed: The gateways that the room's row names: the next owner asks them.
    """

    def __init__(self, epoch: int, listed: Collection[bytes]) -> None:
        self._epoch = epoch
        self._listed = set(listed)
        self._turn = 0
        # In the order of the changes, the latest last.
        self._delivered: DeliveredByGateway = {}
        self._everyone = 0
        self._changes = 0
        self._changed_at: dict[bytes, int] = {}
        self._marked_at: dict[bytes, int] = {}
        self._interrupted = 0
        self._left: DeliveredByGateway = {}

    @property
    def gateways(self) -> Collection[bytes]:
        """Those that are served."""
        return self._delivered.keys()

    def enter(self, node: bytes, join: int, handled: int) -> None:
        """A gateway is served from now on; so many of its events are done already."""
        self._marked_at[node] = 0
        self._left.pop(node, None)
        self._change(node, Delivered(join, handled, self._turn))

    def leave(self, node: bytes, *, is_dead: bool) -> None:
        """A gateway is served no more; one that lives may still report."""
        delivered = self._delivered.pop(node, None)
        if delivered is not None and not is_dead:
            self._left[node] = Delivered(delivered.join, delivered.handled, NEVER)

    @property
    def is_stale(self) -> bool:
        """Whether the row names other gateways than are served."""
        return self._listed != self._delivered.keys()

    def interrupt(self, sender: bytes | None) -> None:
        """
        A part of a turn is stored before its end; what it will say is not known yet.

        From now on its event counts as handled, and every gateway is owed something.
        """
        self._interrupted += 1
        if sender in self._delivered:
            delivered = self._delivered[sender]
            self._change(
                sender, Delivered(delivered.join, delivered.handled + 1, delivered.last)
            )

    def close(
        self,
        targets: Collection[bytes],
        sender: bytes | None,
        *,
        interrupted: bool = False,
    ) -> dict[bytes, Mark]:
        """
        End a turn.

        Args:
            targets: The gateways that it sends something to.
            sender: Whose event it has handled.
            interrupted: ``interrupt`` was called for it.

        Returns:
            The mark for each gateway that is to have one.
        """
        self._turn += 1
        if interrupted:
            self._interrupted -= 1
            targets = self._delivered.keys()
        marked = [node for node in self._delivered if node in targets or node == sender]
        is_for_all = len(marked) == len(self._delivered)
        if is_for_all:
            self._everyone = self._turn
        for node in marked:
            done = int(node == sender and not interrupted)
            if done or not is_for_all:
                one = self._delivered[node]
                self._change(node, Delivered(one.join, one.handled + done, self._turn))
        return {node: self._mark(node) for node in marked}

    def not_stored(self) -> None:
        """What ``progress`` gave last was not stored."""
        self._listed = set()

    def progress(self, *, is_final: bool = False) -> Progress:
        """What is to be stored now."""
        self._listed = set(self._delivered)
        return Progress(
            epoch=self._epoch,
            turn=self._turn,
            is_final=is_final,
            delivered=self._left | _with_all(self._delivered, self._owed),
        )

    @property
    def _owed(self) -> int:
        """The last turn that every gateway was sent, or is to be."""
        return self._turn + 1 if self._interrupted else self._everyone

    def _mark(self, node: bytes) -> Mark:
        marked_at = self._marked_at[node]
        self._marked_at[node] = self._changes
        news: DeliveredByGateway = {}
        for one in reversed(self._delivered):
            if self._changed_at[one] <= marked_at:
                break
            news[one] = self._delivered[one]
        return Mark(
            turn=self._turn,
            handled=self._delivered[node].handled,
            everyone=self._owed,
            news=news,
        )

    def _change(self, node: bytes, delivered: Delivered) -> None:
        self._changes += 1
        self._changed_at[node] = self._changes
        self._delivered.pop(node, None)
        self._delivered[node] = delivered


class ReceivedLog:
    """What a gateway has of its present owner, in one join."""

    def __init__(self, join: int) -> None:
        self._join = join
        self._epoch = 0
        self._seen = 0
        self._touched = 0
        self._missing = 0
        self._everyone = 0
        self._delivered: DeliveredByGateway = {}

    def begin(self, epoch: int) -> None:
        """The owner serves this join, in this epoch."""
        self._epoch = epoch

    def mark(self, mark: Mark, count: int) -> None:
        """A turn begins; so many messages of it follow."""
        self._touched = mark.turn
        self._missing = count
        self._everyone = mark.everyone
        self._delivered.update(mark.news)
        self._pass()

    def message(self) -> None:
        """A message has come; it may be none of a turn."""
        if self._missing:
            self._missing -= 1
            self._pass()

    def received(self) -> Received:
        """All of it, for the next owner."""
        return Received(
            epoch=self._epoch,
            join=self._join,
            seen=self._seen,
            touched=self._touched,
            delivered=_with_all(self._delivered, self._everyone),
        )

    def _pass(self) -> None:
        if not self._missing:
            self._seen = self._touched

"""What other processes bring: their sockets, an owner's last words, an order."""

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from partyrooms.core.recovery import NOT_RECOVERED
from partyrooms.ports.cluster import Closing, RecoveringGateway
from partyrooms.runtime.events.event import ROOM_FAILED, is_out_of_reach
from partyrooms.runtime.turn import Output, Turn

if TYPE_CHECKING:
    from partyrooms.runtime.life import Life

LATE: Closing = (3010, "messages were lost; come back")


class NoOp(msgspec.Struct, eq=False):
    """Something that came to nothing, in its place among the events."""

    hook: ClassVar[str] = "nothing"
    travels: ClassVar[bool] = False

    receipt: Output | None = None
    connection: None = None
    wakes: bool = False

    async def act(self, life: "Life", turn: Turn) -> None:
        pass

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        return True

    def abandon(self, error: Exception) -> None:
        pass


class Recover(msgspec.Struct, eq=False):
    """
    A gateway asks what becomes of what it has of an owner that is gone.

    It is answered before the life begins; one that comes later has missed that.
    """

    hook: ClassVar[str] = "a recall"
    travels: ClassVar[bool] = False

    gateway: RecoveringGateway
    receipt: Output | None = None
    connection: None = None
    wakes: bool = True

    async def act(self, life: "Life", turn: Turn) -> None:
        turn.outputs.append((self.gateway.resolve, NOT_RECOVERED))

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        return True

    def abandon(self, error: Exception) -> None:
        if is_out_of_reach(error):
            self.gateway.turn_away()
        else:
            self.gateway.resolve(NOT_RECOVERED)


class Arrival(msgspec.Struct, eq=False):
    """Another process has joined the room, with the sockets that it has open."""

    hook: ClassVar[str] = "an arrival"
    travels: ClassVar[bool] = False

    subscription: Any
    receipt: Output | None = None
    connection: None = None
    wakes: bool = True

    async def act(self, life: "Life", turn: Turn) -> None:
        if self.subscription.is_open:
            return  # It was here when the life began.
        if life.delivery_log is not None:
            life.delivery_log.enter(self.subscription)
        turn.outputs.append((self.subscription.open, life.claim.epoch))
        # They come late, and may have missed what was said since.
        for socket in tuple(self.subscription.sockets.values()):
            if socket.is_accepted:
                turn.outputs.append((socket.drop, LATE))

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        return True

    def abandon(self, error: Exception) -> None:
        if is_out_of_reach(error):
            self.subscription.turn_away()
        else:
            for socket in tuple(self.subscription.sockets.values()):
                socket.drop(ROOM_FAILED)


class End(msgspec.Struct, eq=False):
    """A room that runs elsewhere is to stop, or to be deleted; it only travels."""

    hook: ClassVar[str] = "an end"
    travels: ClassVar[bool] = True

    delete: bool
    reply: "asyncio.Future[Any]"
    receipt: Output | None = None
    connection: None = None
    wakes: bool = True

    async def act(self, life: "Life", turn: Turn) -> None:
        raise TypeError("A worker is stopped by its own method.")

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        return True

    def abandon(self, error: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)

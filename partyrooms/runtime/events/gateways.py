"""What gateways in other processes bring: their sockets, and what an owner left."""

import asyncio
from collections.abc import Iterable
from typing import Any, ClassVar

from partyrooms.core.recovery import NOT_RECOVERED
from partyrooms.ports.sockets import Closing, Socket
from partyrooms.runtime.events.event import ROOM_FAILED, Event, is_out_of_reach
from partyrooms.runtime.life import Life
from partyrooms.runtime.peers import RecoveringGateway, RemoteGateway
from partyrooms.runtime.turn import Turn

LOST_OUTPUTS: Closing = (3010, "messages were lost; come back")


async def nothing() -> None:
    """What there is to do for an event that came to nothing."""


class NoOp(Event):
    """Something that came to nothing, in its place among the events."""

    hook: ClassVar[str] = "nothing"

    def wakes(self) -> bool:
        return False

    async def act(self, life: Life, turn: Turn) -> None:
        pass


class Unreadable(Event):
    """
    What a gateway has sent makes no event here: it alone fails, in its place.

    Attributes:
        error: Why.
        socket: The one it is from; None: it is from none.
        reply: What somebody awaits; None: nobody awaits anything.
    """

    hook: ClassVar[str] = "an unreadable event"

    error: Exception
    socket: Socket | None = None
    reply: "asyncio.Future[Any] | None" = None

    def client(self) -> Socket | None:
        return self.socket

    async def act(self, life: Life, turn: Turn) -> None:
        socket = self.socket
        if socket is not None:
            end = socket.close if socket.is_accepted else socket.drop
            turn.outputs.append((end, ROOM_FAILED, socket.node))
        turn.outputs.append((self.abandon, self.error, None))

    def abandon(self, error: Exception) -> None:
        if self.reply is not None and not self.reply.done():
            self.reply.set_exception(error)


class Recover(Event):
    """
    A gateway asks what becomes of what it has of an owner that is gone.

    It is answered before the life begins; one that comes later is too late for that.
    """

    hook: ClassVar[str] = "a recovery"

    gateway: RecoveringGateway

    async def act(self, life: Life, turn: Turn) -> None:
        turn.outputs.append((self.gateway.resolve, NOT_RECOVERED, None))

    def abandon(self, error: Exception) -> None:
        if is_out_of_reach(error):
            self.gateway.turn_away()
        else:
            self.gateway.resolve(NOT_RECOVERED)


class Arrival(Event):
    """A gateway in another process has joined, with the sockets that it has open."""

    hook: ClassVar[str] = "an arrival"

    gateway: RemoteGateway

    async def act(self, life: Life, turn: Turn) -> None:
        if self.gateway.is_open:
            return  # It was here when the life began.
        if life.delivery_log is not None:
            life.delivery_log.enter(self.gateway)
        turn.outputs.append((self.gateway.open, life.claim.epoch, None))
        # They come late, and may have missed what was said since.
        for socket in self._sockets():
            if socket.is_accepted:
                turn.outputs.append((socket.drop, LOST_OUTPUTS, socket.node))

    def abandon(self, error: Exception) -> None:
        if is_out_of_reach(error):
            self.gateway.turn_away()
        else:
            for socket in self._sockets():
                socket.drop(ROOM_FAILED)

    def _sockets(self) -> Iterable[Socket]:
        return tuple(self.gateway.sockets.values())


class End(Event):
    """A room that runs elsewhere is to stop, or to be deleted; it only travels."""

    hook: ClassVar[str] = "an end"
    travels: ClassVar[bool] = True

    delete: bool
    reply: "asyncio.Future[Any]"

    async def act(self, life: Life, turn: Turn) -> None:
        raise TypeError("A worker is stopped by its own method.")

    def abandon(self, error: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)

"""The lives of one room in this process: each begins, and ends in one of many ways."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from django.db import DatabaseError

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import PartyroomsError, RoomElsewhere, RoomStopped
from partyrooms.ports.records import Handover
from partyrooms.ports.sockets import Closing
from partyrooms.runtime.cluster_port import Cluster
from partyrooms.runtime.environment import Environment
from partyrooms.runtime.events import Closed, Event, TimerEvent, confirm, is_sent_again
from partyrooms.runtime.life import Life
from partyrooms.runtime.mailbox import Mailbox
from partyrooms.runtime.missed_closes import MissedCloses
from partyrooms.runtime.ownership import Ownership
from partyrooms.runtime.runner import HookRunner
from partyrooms.runtime.starter import MOVED, Starter
from partyrooms.runtime.timers import Timer

logger = logging.getLogger("partyrooms.runtime")

STOPPED: Closing = (1012, "the room was stopped; come back")


class Lifecycle:
    """
    Starts a room for the first event, and ends its life when asked to.

    Attributes:
        life: The room's present life; None: it is not in memory.
        stop_wanted: The life is to end after the event that is being handled.

    Args:
        key: Which room.
        environment: What it shares with the node's other rooms.
        cluster: Where its sockets are.
        mailbox: Its events.
        runner: Runs its hooks.
        handle: Handles one event in a turn, whatever becomes of it.
        wake: Has ``begin`` or ``finish`` called soon, as it is needed.
        on_missed: Called with whether ``on_close`` is still to be called for sockets.
    """

    def __init__(
        self,
        key: RoomKey,
        environment: Environment,
        cluster: Cluster,
        *,
        mailbox: Mailbox,
        runner: HookRunner,
        handle: Callable[[Event, Life], Awaitable[None]],
        wake: Callable[[], None],
        on_missed: Callable[[bool], None],
    ) -> None:
        self.life: Life | None = None
        self.stop_wanted = False
        self.ownership = Ownership(key, environment.store, environment.releaser)
        self._key = key
        self._environment = environment
        self._cluster = cluster
        self._mailbox = mailbox
        self._runner = runner
        self._handle = handle
        self._wake = wake
        self._missed_closes = MissedCloses(on_missed)
        self._starter = Starter(
            key,
            environment,
            cluster,
            mailbox=mailbox,
            ownership=self.ownership,
            runner=runner,
            missed_closes=self._missed_closes,
        )
        self._closing: Closing | None = None
        self._ended: asyncio.Future[None] | None = None
        self._deletion: asyncio.Future[None] | None = None

    # What ends a life

    async def stop(self, closing: Closing | None) -> None:
        """End the life after the event that is being handled; see ``Worker.stop``."""
        self._closing = closing or self._closing
        if self._ended is None:
            self._ended = asyncio.get_running_loop().create_future()
        ended = self._ended
        self.want_stop()
        await asyncio.shield(ended)

    async def delete(self) -> None:
        """End the life and remove the room; see ``Worker.delete``."""
        if self._deletion is None:
            self._deletion = asyncio.get_running_loop().create_future()
        self._closing = STOPPED
        deletion = self._deletion
        self.want_stop()
        await asyncio.shield(deletion)

    def want_stop(self) -> None:
        """End the life soon; nobody waits for it."""
        self.stop_wanted = True
        self._wake()

    def lose(self) -> None:
        """Let nothing of this life leave: the room may be somebody else's."""
        if not self.ownership.lose():
            return
        life, self.life = self.life, None
        if life is not None:
            life.end(MOVED)
            self.ownership.forget()
            self._cluster.lose(self._key)
            self._wake()  # so that the task ends
        lost = RoomStopped(f"{self._key} was lost to another process.")
        self._runner.interrupt(lost)

    async def crash(self, closing: Closing | None) -> None:
        """End the life where it is; what is not committed is lost."""
        life, self.life = self.life, None
        if life is not None:
            life.end(closing)
            await self.ownership.release(life.claim)
        stopped = f"{self._key} stopped before this was handled."
        for event in self._mailbox.take_all():
            event.abandon(RoomStopped(stopped))

    def task_ended(self) -> None:
        """The worker's task has ended: those who wait for an end need not any more."""
        tell(self._ended)
        if self._deletion is not None:
            stopped = RoomStopped(f"{self._key} stopped before it was deleted.")
            self._deletion.set_exception(stopped)
        self._ended = self._deletion = None

    # From one life to the next

    async def begin(self) -> None:
        """Start the room for the first event that waits, or give up all that wait."""
        mailbox = self._mailbox
        if not mailbox.waiting[0].wakes():
            confirm(mailbox.take())
            return
        try:
            started = await self._starter.start(self.lose, self._put_timer)
        except RoomElsewhere as refused:
            self._cluster.refuse(self._key, mailbox.take_all(), refused)
            return
        except Exception as raised:
            self._log_failed_start(raised)
            started = raised
        if isinstance(started, Life):
            self.life = started
            mailbox.put_back(self._missed_closes.take())
            return
        for event in mailbox.take_all():
            if not is_sent_again(event):
                self._missed_closes.give_up(event, started)
                confirm(event)

    def _put_timer(self, timer: Timer) -> None:
        self._mailbox.put(TimerEvent(timer=timer))
        self._wake()

    def _log_failed_start(self, error: Exception) -> None:
        is_known = isinstance(error, PartyroomsError | DatabaseError)
        logger.log(
            logging.WARNING if is_known else logging.ERROR,
            "%s cannot be started: %s",
            self._key,
            error,
            exc_info=None if is_known else error,
            extra={"action": "start_failed", "room": str(self._key)},
        )
        if isinstance(error, PartyroomsError):
            error.was_logged = True

    async def finish(self) -> None:
        """End the life, as it was asked for."""
        self.stop_wanted = False
        closing, self._closing = self._closing, None
        ended, self._ended = self._ended, None
        try:
            if await self._end_life(closing):
                await self._give_up_room()
        finally:
            tell(ended)

    async def _end_life(self, closing: Closing | None) -> bool:
        """Commit what is left and end the life; False: the room was lost meanwhile."""
        life = self.life
        if life is None:
            return True
        sockets = life.connections.sockets()
        if closing is not None:
            if life.delivery_log is not None:
                life.delivery_log.expect_more()
            ends = self._mailbox.ends()
            for socket in sockets:
                code, was_clean = ends.get(socket, (socket.closing or closing, True))
                await self._handle(Closed(socket, code, was_clean), life)
        with suppress(RoomStopped):
            await life.gate.settle()
        if closing is not None:
            for socket in sockets:  # Their on_close has taken them off life's lists.
                socket.drop(closing)
        if self.life is life:
            life.end(closing)
            return True
        return self._deletion is not None

    async def _give_up_room(self) -> None:
        """Release the room or delete it, and let the cluster know."""
        life, self.life = self.life, None
        if self._deletion is not None:
            deletion, self._deletion = self._deletion, None
            await self._delete(life, deletion)
        elif life is not None:
            log = life.delivery_log
            handover = Handover(
                gateways=self._cluster.gateways(self._key),
                progress=None if log is None else log.progress(is_final=True),
                seats=self._cluster.seats(self._key) if life.room.hibernate else {},
            )
            await self.ownership.release(life.claim, handover)
        while self._mailbox.waiting and not self._mailbox.waiting[0].wakes():
            confirm(self._mailbox.take())
        is_draining = self._environment.is_draining
        if is_draining or not self._mailbox.waiting:
            self._cluster.release(
                self._key, asleep=not is_draining, waiting=self._mailbox.take_all()
            )

    async def _delete(
        self, life: Life | None, deletion: "asyncio.Future[None]"
    ) -> None:
        try:
            claim = await self.ownership.claim() if life is None else life.claim
            await self.ownership.delete(claim)
        except Exception as error:
            deletion.set_exception(error)
        else:
            deletion.set_result(None)


def tell(waiter: "asyncio.Future[None] | None") -> None:
    """Wake those who wait for this; None: nobody does."""
    if waiter is not None:
        waiter.set_result(None)

"""The lives of one room in this process: each begins, and ends in one of many ways."""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import DatabaseError

from partyrooms import registry
from partyrooms.core.frames import decode_profiles
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import (
    PartyroomsError,
    RoomElsewhere,
    RoomStopped,
)
from partyrooms.ports.cluster import Audience, Closing
from partyrooms.ports.records import Claim
from partyrooms.runtime import events
from partyrooms.runtime.embedded import require_no_server
from partyrooms.runtime.events import alarm
from partyrooms.runtime.gate import Gate
from partyrooms.runtime.life import Life
from partyrooms.runtime.loop import Loop, tell
from partyrooms.runtime.missed_closes import MissedCloses
from partyrooms.runtime.ownership import Ownership
from partyrooms.runtime.runner import HookRunner
from partyrooms.runtime.turn import Turn
from partyrooms.usercode import contained

if TYPE_CHECKING:
    from partyrooms.server.node import Node

logger = logging.getLogger("partyrooms.runtime")

STOPPED: Closing = (1012, "the room was stopped; come back")
LOST: Closing = (1012, "the room has moved; come back")

CANCEL_ATTEMPTS = 3
CANCEL_PATIENCE = 1.0
"""Seconds that a hook is given each time that it is cancelled, at a node's end."""


class Lifecycle(Loop):
    """
    Starts a room for the first event, and ends its life when asked to.

    Attributes:
        life: The room's present life; None: it is not in memory.

    Args:
        key: Which room.
        node: Where it runs.
    """

    def __init__(self, key: RoomKey, node: "Node") -> None:
        super().__init__(key, node)
        self.life: Life | None = None
        self._ownership = Ownership(key, node.store)
        self._runner = HookRunner(str(key), node.settings.hook_timeout)
        self._deletion: asyncio.Future[None] | None = None
        self._closing: Closing | None = None
        self._ended: asyncio.Future[None] | None = None
        self._missed_closes = MissedCloses(self, node)

    @property
    def _is_in_memory(self) -> bool:
        return self.life is not None

    @abstractmethod
    async def _handle(self, event: events.Event, life: Life) -> None:
        """Handle one event in a turn, whatever becomes of it."""

    # The end of a life

    async def stop(self, closing: Closing | None = STOPPED) -> None:
        """
        End the room's life behind the event that it is handling now.

        What was written is committed first. The next event starts the room again, and
        events that wait already do so at once.

        Args:
            closing: What its sockets get; ``on_close`` hears of each. None hibernates:
                they stay open, and nobody hears anything.
        """
        if self.life is None and self._task is None:
            return
        self._stop_wanted = True
        self._closing = closing or self._closing
        if self._ended is None:
            self._ended = self._loop.create_future()
        ended = self._ended
        self._arrived()
        await asyncio.shield(ended)

    async def delete(self) -> None:
        """
        Stop the room and remove it with all that it stores.

        Raises:
            RoomUnreachable: If another node owns it.
            RoomStopped: If this process ended first.
            StoreUnavailable: If the database did not answer.
        """
        if self._deletion is None:
            self._deletion = self._loop.create_future()
        self._stop_wanted = True
        self._closing = STOPPED
        self._arrived()
        await asyncio.shield(self._deletion)

    def lose(self) -> None:
        """Let nothing of this life leave: the room may be somebody else's."""
        if not self._ownership.lose():
            return
        life, self.life = self.life, None
        if life is not None:
            life.end(LOST)
            self._ownership.forget()
            self._node.cluster.lose(self.key)
            self._arrived()  # so that the loop ends
        stolen = RoomStopped(f"{self.key} was lost to another process.")
        self._runner.interrupt(stolen)

    async def crash(self, closing: Closing | None) -> None:
        """End loop and life where they are; what is not committed is lost."""
        await self._end_loop()
        life, self.life = self.life, None
        if life is not None:
            life.end(closing)
            await self._ownership.release(life.claim)
        for event in self._take_all():
            event.abandon(RoomStopped(f"{self.key} stopped before this was handled."))

    async def _end_loop(self) -> None:
        self._runner.is_over = True
        for _ in range(CANCEL_ATTEMPTS):
            if self._task is None:
                break
            self._task.cancel()
            await asyncio.wait([self._task], timeout=CANCEL_PATIENCE)
        else:
            logger.error(
                "A hook of %s goes on although it was cancelled; nothing of it counts.",
                self.key,
                extra={"action": "hook_goes_on", "room": str(self.key)},
            )
        self._runner.is_over = False

    def _loop_ended(self) -> None:
        tell(self._ended)
        if self._deletion is not None:
            stopped = RoomStopped(f"{self.key} stopped before it was deleted.")
            self._deletion.set_exception(stopped)
        self._ended = self._deletion = None

    # From one life to the next

    async def _begin(self) -> None:
        """Start the room for the first event that waits, or give up all that wait."""
        if not self._waiting[0].wakes:
            events.confirm(self._take())
            return
        try:
            error = await self._start()
        except RoomElsewhere as refused:
            self._node.cluster.refuse(self.key, self._take_all(), refused)
            return
        except Exception as raised:
            error = raised
            is_known = isinstance(raised, PartyroomsError | DatabaseError)
            logger.log(
                logging.WARNING if is_known else logging.ERROR,
                "%s cannot be started: %s",
                self.key,
                raised,
                exc_info=None if is_known else raised,
                extra={"action": "start_failed", "room": str(self.key)},
            )
            if isinstance(raised, PartyroomsError):
                raised.was_logged = True
        if error is None:
            self._waiting.extendleft(reversed(self._missed_closes.take()))
            return
        for event in self._take_all():
            self._missed_closes.give_up(event, error)
            events.confirm(event)

    async def _start(self) -> Exception | None:
        """Claim the room, make the instance and let it load; what its hooks raised."""
        if self._node.is_over:
            raise RoomStopped("This process is going away.")
        if self._node.is_draining:
            raise RoomElsewhere("This process gives its rooms away.")
        await require_no_server(self._node, self.key)
        claim = await self._ownership.claim(self._node.cluster.named(self.key))
        alarm.meet(self._waiting, claim.alarm)
        life: Life | None = None
        seats = dict(claim.seats)
        try:
            audience = self._node.cluster.audience(self.key)  # held while it fills
            await self._node.cluster.gather(self.key, claim)
            self._note_missed_closes(seats)
            seats = {}
            life = await self._make(claim, audience)
            turn = Turn(life)
            error = await self._runner.attempt("on_start", turn, life.hooks.on_start)
            if error is None and not self._ownership.is_lost:
                life.gate.close(turn)
                self.life = life
                return None
            if error is not None and not self._ownership.is_lost:
                await self._runner.report(error, life, None)
                with suppress(RoomStopped):
                    await life.gate.commit(None)
                await self._put_off_alarm(life.gate, error)
        finally:
            if self.life is None:
                if life is not None:
                    life.end(LOST if self._ownership.is_lost else None)
                await self._ownership.release(claim, seats=seats)
        return error or RoomStopped(f"{self.key} was lost while it started.")

    async def _make(self, claim: Claim, audience: Audience) -> Life:
        sizes = await self._node.store.sizes(claim.record)
        if self._ownership.is_lost:
            raise RoomStopped(f"{self.key} was lost before it started.")
        room_class = registry.get(self.key.party)
        try:
            return Life(
                room_class,
                key=self.key,
                claim=claim,
                sizes=sizes,
                audience=audience,
                node=self._node,
                on_lost=self.lose,
            )
        except BaseException as raised:  # __init__ may raise whatever it likes
            error = contained(raised, "__init__")
            gate = Gate(claim, self._node.committer, self.lose)
            await self._put_off_alarm(gate, error)
            raise error from error.__cause__

    def _note_missed_closes(self, seats: Mapping[UUID | None, bytes]) -> None:
        """Owe on_close to those whose processes have died since the last life."""
        here = self._node.cluster.named(self.key) or ()
        for node, profiles in seats.items():
            if node not in here:
                self._missed_closes.note_lost(decode_profiles(profiles))

    async def _put_off_alarm(self, gate: Gate, error: Exception) -> None:
        await alarm.put_off(self._waiting, gate, self._node.wall_clock(), error)

    async def _finish(self) -> None:
        self._stop_wanted = False
        closing, self._closing = self._closing, None
        ended, self._ended = self._ended, None
        try:
            await self._end_life(closing)
        finally:
            tell(ended)

    async def _end_life(self, closing: Closing | None) -> None:
        life = self.life
        if life is not None:
            sockets = life.sockets()
            if closing is not None:
                if life.delivery_log is not None:
                    life.delivery_log.expect_more()
                for socket in sockets:
                    gone = events.Closed(
                        socket, socket.closing or closing, was_clean=True
                    )
                    await self._handle(gone, life)
            with suppress(RoomStopped):
                await life.gate.commit(None)
            if closing is not None:
                for (
                    socket
                ) in sockets:  # Their on_close has taken them off life's lists.
                    socket.drop(closing)
            if self.life is life:
                self.life = None
                life.end(closing)
            elif self._deletion is None:
                return  # It was lost in the meantime.
            else:
                life = None
        if self._deletion is not None:
            deletion, self._deletion = self._deletion, None
            await self._delete(life, deletion)
        elif life is not None:
            gateways = self._node.cluster.gateways(self.key)
            delivery_log = life.delivery_log
            final = (
                None if delivery_log is None else delivery_log.progress(is_final=True)
            )
            seats = self._node.cluster.seats(self.key) if life.room.hibernate else {}
            await self._ownership.release(life.claim, gateways, final, seats)
        is_draining = self._node.is_draining
        if is_draining or not self._waiting:
            self._node.cluster.release(
                self.key, asleep=not is_draining, waiting=self._take_all()
            )

    async def _delete(
        self, life: Life | None, deletion: "asyncio.Future[None]"
    ) -> None:
        try:
            claim = await self._ownership.claim() if life is None else life.claim
            await self._ownership.delete(claim)
        except Exception as error:
            deletion.set_exception(error)
        else:
            deletion.set_result(None)

"""The single-owner worker of one room: it empties the mailbox, one turn at a time."""

import asyncio
import contextvars
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError

from partyrooms import registry
from partyrooms.bus.contract import Closing, Line
from partyrooms.bus.waiting import pass_on
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import (
    PartyroomsError,
    RoomElsewhere,
    RoomStopped,
)
from partyrooms.owner import events
from partyrooms.owner.life import Life
from partyrooms.owner.mailbox import Mailbox
from partyrooms.owner.runner import HookRunner
from partyrooms.owner.tenure import Tenure
from partyrooms.owner.turn import Turn
from partyrooms.store.contract import Claim

if TYPE_CHECKING:
    from partyrooms.owner.node import Node

logger = logging.getLogger("partyrooms.owner")

STOPPED: Closing = (1012, "the room was stopped; come back")
LOST: Closing = (1012, "the room has moved; come back")

BREATH = 50
"""Events of one room after which everything else in the process has its turn."""

CANCEL_ATTEMPTS = 3
CANCEL_PATIENCE = 1.0
"""Seconds that a hook is given each time that it is cancelled, at a node's end."""


class Worker(Mailbox):
    """
    Handles one room's events, one at a time, in order of arrival; an ``Inlet``.

    It starts the room for the first event, ends its life when asked to or when it has
    been idle, and starts it again for the next event. All methods are called on the
    node's event loop; none of them waits for a socket.

    Attributes:
        life: The room's present life; None: it is not in memory.

    Args:
        key: Which room.
        node: Where it runs.
    """

    def __init__(self, key: RoomKey, node: "Node") -> None:
        super().__init__(key, node.settings.mailbox_size)
        self.life: Life | None = None
        self._tenure = Tenure(key, node.store)
        self._runner = HookRunner(str(key), node.settings.hook_timeout)
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._stop_wanted = False
        self._deletion: asyncio.Future[None] | None = None
        self._closing: Closing | None = None
        self._ended: asyncio.Future[None] | None = None
        self._settled: asyncio.Future[None] | None = None
        self._quiet_since = node.clock()

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
        if not self._tenure.lose():
            return
        life, self.life = self.life, None
        if life is not None:
            life.end(LOST)
            self._tenure.forget()
            self._node.bus.lose(self.key)
            self._arrived()  # so that the loop ends
        stolen = RoomStopped(f"{self.key} was lost to another process.")
        self._runner.interrupt(self._task, stolen)

    def sweep(self, now: float) -> None:
        """Cancel a hook that runs too long; let an idle room leave memory."""
        settings = self._node.settings
        self._runner.sweep(self._task, now)
        if self.life is None or self._idle is None or self.life.streams:
            return
        quiet = now - self._quiet_since
        hibernates = self.life.room.hibernate and quiet >= settings.hibernate_after
        if hibernates or (not self.life.connections and quiet >= settings.idle_timeout):
            self._stop_wanted = True
            self._arrived()

    async def settled(self) -> None:
        """Wait until no event waits or is being handled, and all is committed."""
        while self._task is not None and self._idle is None:
            if self._settled is None:
                self._settled = self._loop.create_future()
            await asyncio.shield(self._settled)
        if self.life is not None:
            await self.life.gate.commit(None)

    async def crash(self, closing: Closing | None) -> None:
        """End loop and life where they are; what is not committed is lost."""
        await self._end_loop()
        life, self.life = self.life, None
        if life is not None:
            life.end(closing)
            await self._tenure.release(life.claim)
        for event in self._take_all():
            event.abandon(RoomStopped(f"{self.key} stopped before this was handled."))
        self._node.busy.discard(self)

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

    @property
    def is_between_hooks(self) -> bool:
        """Whether it is at work, but no hook of the room has begun."""
        is_at_work = self._task is not None and self._idle is None
        return is_at_work and not self._runner.is_running

    def runs(self, task: "asyncio.Task[Any]") -> bool:
        """Whether a task is the room's: its loop, or background work of its life."""
        return task is self._task or (
            self.life is not None and self.life.has_task(task)
        )

    def probe(self, chain: tuple[str, ...]) -> None:
        """Somebody looks whether rooms wait for one another; see ``bus.waiting``."""
        turn = self._runner.turn
        if turn is not None and turn.waits and self._keeps_waiting(chain[-1], turn):
            pass_on(turn, chain)

    def _keeps_waiting(self, room: str, turn: Turn) -> bool:
        """Whether a room waits for the running hook to end: no answer is on its way."""
        return (
            room in turn.chain
            or self._stop_wanted
            or any(room in getattr(one, "chain", ()) for one in self._waiting)
        )

    # The loop

    def message(self, line: Line, payload: str | bytes) -> bool:
        """A frame has come; the shortest way, for it is the most frequent event."""
        waiting = self._waiting
        waiting.append(events.Message(line, payload))
        idle = self._idle
        if idle is not None:
            self._idle = None
            if not idle.done():  # cancelled, when the loop is about to end
                idle.set_result(None)
        elif self._task is None:
            self._wake()
        return len(waiting) >= self._capacity

    def _arrived(self) -> None:
        idle, self._idle = self._idle, None
        if idle is not None:
            if not idle.done():
                idle.set_result(None)
        elif self._task is None:
            self._wake()

    def _wake(self) -> None:
        self._node.busy.add(self)
        # In an empty context: whoever put the event in has nothing to do with it.
        self._task = self._loop.create_task(self._run(), context=contextvars.Context())

    async def _run(self) -> None:
        """Handle events as they come, until the room is not in memory any more."""
        try:
            while self._waiting or self._stop_wanted or self.life is not None:
                if not self._waiting and not self._stop_wanted:
                    await self._rest()
                if not self._node.lease.holds():
                    await self._node.lease.held()
                await self._work()
        finally:
            self._task = self._idle = None
            if self.life is None:
                self._node.busy.discard(self)
            self._tell_settled()
            _tell(self._ended)
            if self._deletion is not None:
                stopped = RoomStopped(f"{self.key} stopped before it was deleted.")
                self._deletion.set_exception(stopped)
            self._ended = self._deletion = None

    async def _rest(self) -> None:
        """Wait for the next event; the task costs less than a new one each time."""
        self._quiet_since = self._node.clock()
        self._idle = idle = self._loop.create_future()
        self._tell_settled()
        await idle

    async def _work(self) -> None:
        """Handle what waits, as far as the rest of the process can wait for it."""
        for _ in range(BREATH):
            life = self.life
            if self._stop_wanted:
                await self._finish()
            elif not self._waiting:
                return
            elif life is None:
                await self._begin()
            else:
                await self._handle(self._take(), life)
        await asyncio.sleep(0)

    def _tell_settled(self) -> None:
        _tell(self._settled)
        self._settled = None

    async def _handle(self, event: events.Event, life: Life) -> None:
        turn = Turn(life)
        try:
            error = await self._runner.attempt(event.hook, turn, event.act(life, turn))
        except BaseException:  # This task is being ended; nobody may wait for ever.
            event.abandon(RoomStopped(f"{self.key} stopped while it handled this."))
            raise
        if life.is_over:
            event.abandon(error or RoomStopped(f"{self.key} was lost."))
            return
        is_defect = False
        if error is not None:
            turn = Turn(life)
            is_defect = event.fail(life, turn, error)
        if event.receipt is not None:
            turn.outputs.append(event.receipt)
        held = life.gate.close(turn)
        if error is not None and is_defect:
            await self._runner.report(error, life, event.connection)
        if held >= self._capacity:
            with suppress(RoomStopped):
                await life.gate.commit(None)

    # From one life to the next

    async def _begin(self) -> None:
        """Start the room for the first event that waits, or give up all that wait."""
        if not self._waiting[0].wakes:
            _confirm(self._take())
            return
        try:
            error = await self._start()
        except RoomElsewhere as refused:
            self._node.bus.refuse(self.key, self._take_all(), refused)
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
        if error is not None:
            for event in self._take_all():
                event.abandon(error)
                _confirm(event)

    async def _start(self) -> Exception | None:
        """Claim the room, make the instance and let it load; what its hooks raised."""
        if self._node.is_over:
            raise RoomStopped("This process is going away.")
        if self._node.is_draining:
            raise RoomElsewhere("This process gives its rooms away.")
        claim = await self._tenure.claim()
        life: Life | None = None
        try:
            life = await self._make(claim)
            turn = Turn(life)
            loading = life.hooks.on_start()
            error = await self._runner.attempt("on_start", turn, loading)
            if error is None and not self._tenure.is_lost:
                life.gate.close(turn)
                self.life = life
                return None
            if error is not None and not self._tenure.is_lost:
                await self._runner.report(error, life, None)
                with suppress(RoomStopped):
                    await life.gate.commit(None)
        finally:
            if self.life is None:
                if life is not None:
                    life.end(LOST if self._tenure.is_lost else None)
                await self._tenure.release(claim)
        return error or RoomStopped(f"{self.key} was lost while it started.")

    async def _make(self, claim: Claim) -> Life:
        audience = self._node.bus.audience(self.key)  # held while it fills
        await self._node.bus.gather(self.key, claim)
        sizes = await self._node.store.sizes(claim.record)
        if self._tenure.is_lost:
            raise RoomStopped(f"{self.key} was lost before it started.")
        return Life(
            registry.get(self.key.party),
            key=self.key,
            claim=claim,
            sizes=sizes,
            audience=audience,
            node=self._node,
            on_lost=self.lose,
        )

    async def _finish(self) -> None:
        self._stop_wanted = False
        closing, self._closing = self._closing, None
        ended, self._ended = self._ended, None
        try:
            await self._end_life(closing)
        finally:
            _tell(ended)

    async def _end_life(self, closing: Closing | None) -> None:
        life = self.life
        if life is not None:
            lines = life.lines()
            if closing is not None:
                for line in lines:
                    gone = events.Closed(line, line.closing or closing, was_clean=True)
                    await self._handle(gone, life)
            with suppress(RoomStopped):
                await life.gate.commit(None)
            if closing is not None:
                for line in lines:  # Their on_close has taken them off life's lists.
                    line.drop(closing)
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
            gateways = self._node.bus.gateways(self.key)
            await self._tenure.release(life.claim, gateways)
        is_draining = self._node.is_draining
        if is_draining or not self._waiting:
            self._node.bus.release(
                self.key, asleep=not is_draining, waiting=self._take_all()
            )

    async def _delete(
        self, life: Life | None, deletion: "asyncio.Future[None]"
    ) -> None:
        try:
            claim = await self._tenure.claim() if life is None else life.claim
            await self._tenure.delete(claim)
        except Exception as error:
            deletion.set_exception(error)
        else:
            deletion.set_result(None)


def _confirm(event: events.Event) -> None:
    """Say to the process that it came from that nothing more happens to an event."""
    if event.receipt is not None:
        deliver, what = event.receipt
        deliver(what)


def _tell(waiter: "asyncio.Future[None] | None") -> None:
    if waiter is not None:
        waiter.set_result(None)

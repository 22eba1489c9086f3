"""The single-owner worker of one room: it empties the mailbox, one turn at a time."""

import asyncio
from contextlib import suppress
from contextvars import Context
from typing import Any

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomStopped
from partyrooms.ports.rooms import Chain
from partyrooms.ports.sockets import Closing, Socket
from partyrooms.runtime.cluster_port import Cluster
from partyrooms.runtime.deadlock import pass_on
from partyrooms.runtime.environment import Environment
from partyrooms.runtime.events import Event, Message
from partyrooms.runtime.inbox import EventInbox
from partyrooms.runtime.life import Life
from partyrooms.runtime.lifecycle import STOPPED, Lifecycle, tell
from partyrooms.runtime.mailbox import Mailbox
from partyrooms.runtime.runner import HookRunner
from partyrooms.runtime.sweeps import Sweeps
from partyrooms.runtime.turn import Turn

EVENTS_PER_SLICE, SLICE = 50, 0.005
"""Events of one room, and seconds, after which all else in the process has its turn."""


class Worker(EventInbox):
    """
    Handles one room's events, one at a time, in order of arrival; a ``RoomInbox``.

    It starts the room for the first event, ends its life when asked to or when it has
    been idle, and starts it again for the next event. Its task lasts while the room is
    in memory. Its methods are called on the node's event loop; none waits for a socket.

    Args:
        key: Which room.
        environment: What it shares with the node's other rooms.
        cluster: Where its sockets are.
        sweeps: Who looks at it; it says when it works, and when it rests.
        kept: Workers that are kept for missed closes; it adds and removes itself.
    """

    def __init__(
        self,
        key: RoomKey,
        environment: Environment,
        cluster: Cluster,
        *,
        sweeps: "Sweeps[Worker]",
        kept: "set[Worker]",
    ) -> None:
        settings = environment.settings
        mailbox = Mailbox(key, settings.mailbox_size, settings.connect_timeout)
        super().__init__(key, mailbox)
        self._environment = environment
        self._sweeps = sweeps
        self._kept = kept
        self._runner = HookRunner(str(key), settings.hook_timeout)
        self.lifecycle = Lifecycle(
            key,
            environment,
            cluster,
            mailbox=self.mailbox,
            runner=self._runner,
            handle=self._handle,
            wake=self._wake,
            on_missed=self._keep,
        )
        self._waiting, self._places = self.mailbox.waiting, self.mailbox.places
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._resting: asyncio.Future[None] | None = None
        self._quiet_since = environment.clock()

    @property
    def life(self) -> Life | None:
        """The room's present life; None: it is not in memory."""
        return self.lifecycle.life

    # What comes

    def put(self, event: Event) -> None:
        """Take an event, in its order."""
        self.mailbox.put(event)
        self._wake()

    def message(self, socket: Socket, payload: str | bytes) -> bool:
        """A frame has come; the shortest way, for it is the most frequent event."""
        waiting = self._waiting
        waiting.append(Message(socket, payload))
        socket.waiting = own = socket.waiting + 1
        idle = self._idle
        if idle is not None:
            self._idle = None
            if not idle.done():  # cancelled, when the task is about to end
                idle.set_result(None)
        elif self._task is None:
            self._wake()
        places = self._places
        return own >= places.share or len(waiting) > places.capacity

    def probe(self, chain: Chain) -> None:
        """Look whether rooms wait for one another; see ``runtime.deadlock``."""
        turn = self._runner.turn
        if turn is not None and turn.waits and self._keeps_waiting(chain[-1], turn):
            pass_on(turn, chain)

    def _keeps_waiting(self, room: str, turn: Turn) -> bool:
        """Whether a room waits for the running hook to end: no answer is on its way."""
        return (
            room in turn.chain
            or self.lifecycle.stop_wanted
            or any(room in one.chain for one in self._waiting)
        )

    async def stop(self, closing: Closing | None = STOPPED) -> None:
        """
        End the room's life after the event that it is handling now.

        What was written is committed first. The next event starts the room again, and
        events that wait already do so at once.

        Args:
            closing: What its sockets get; ``on_close`` is called for each. None
                hibernates: they stay open, and no hook is called.
        """
        if self.life is not None or self._task is not None:
            await self.lifecycle.stop(closing)

    async def delete(self) -> None:
        """
        Stop the room and remove it with all that it stores.

        Raises:
            RoomUnreachable: If another node owns it, or this process ended first.
            StoreUnavailable: If the database did not answer.
        """
        await self.lifecycle.delete()

    def lose(self) -> None:
        """Let nothing of this life leave: the room may be somebody else's."""
        self.lifecycle.lose()

    async def crash(self, closing: Closing | None) -> None:
        """End task and life where they are; what is not committed is lost."""
        await self._runner.end()
        await self.lifecycle.crash(closing)
        self._sweeps.forget(self)

    # What others see

    def sweep(self, now: float) -> float | None:
        """Cancel a hook that runs too long, end an idle life; see ``Swept.sweep``."""
        self._runner.sweep(now)
        life, settings = self.life, self._environment.settings
        if life is None or self._idle is None:
            return None
        limit = life.idle_limit(settings)
        if limit is None:
            self._quiet_since = now
            limit = min(settings.idle_timeout, settings.hibernate_after)
        if now - self._quiet_since < limit:
            return self._quiet_since + limit
        self.lifecycle.want_stop()
        return None

    async def until_idle(self) -> None:
        """Wait until no event waits or is being handled, and all is committed."""
        while self._task is not None and self._idle is None:
            self._resting = self._resting or self._loop.create_future()
            await asyncio.shield(self._resting)
        if self.life is not None:
            await self.life.gate.commit(None)

    def knows(self, socket: Socket) -> bool:
        """Whether the room's present life has a connection of a socket."""
        return self.life is not None and self.life.connections.of(socket) is not None

    @property
    def is_between_hooks(self) -> bool:
        """Whether it is at work, but no hook of the room has begun."""
        return self._task is not None and not (self._idle or self.is_in_hook)

    @property
    def is_in_hook(self) -> bool:
        """Whether a hook of the room has begun and not ended."""
        return self._runner.is_running

    def runs(self, task: "asyncio.Task[Any]") -> bool:
        """Whether a task is the room's: its worker's, or background work."""
        life = self.life
        return task is self._task or (life is not None and task in life.tasks)

    # The task

    def _wake(self) -> None:
        idle, self._idle = self._idle, None
        if idle is not None:
            if not idle.done():
                idle.set_result(None)
        elif self._task is None:
            # In an empty context: the task is not the one's who put the event in.
            self._task = self._loop.create_task(self._run(), context=Context())
            self._runner.task = self._task
            self._sweeps.works(self)

    async def _run(self) -> None:
        """Handle events as they come, until the room leaves memory."""
        environment, lifecycle = self._environment, self.lifecycle
        await environment.take_lane()
        try:
            while self._waiting or lifecycle.stop_wanted or lifecycle.life is not None:
                if not self._waiting and not lifecycle.stop_wanted:
                    await self._rest()
                if not environment.lease.holds():
                    await environment.lease.held()
                await self._work()
        finally:
            self._task = self._idle = None
            self._sweeps.ends(self)
            self._tell_idle()
            lifecycle.task_ended()
            if lifecycle.life is None:
                self._sweeps.forget(self)

    async def _rest(self) -> None:
        """Wait for the next event; the task costs less than a new one each time."""
        self._quiet_since = now = self._environment.clock()
        self._idle = idle = self._loop.create_future()
        self._tell_idle()
        self._sweeps.rests(self, now)
        await idle
        self._sweeps.works(self)

    def _tell_idle(self) -> None:
        tell(self._resting)
        self._resting = None

    async def _work(self) -> None:
        """Handle what waits, as far as the rest of the process can wait for it."""
        lifecycle, mailbox = self.lifecycle, self.mailbox
        clock = self._environment.clock
        began, count = clock(), 0
        while count < EVENTS_PER_SLICE and clock() - began < SLICE:
            if lifecycle.stop_wanted:
                await lifecycle.finish()
            elif not self._waiting:
                return
            elif lifecycle.life is None:
                await lifecycle.begin()
                began = clock()  # A start says nothing of what events take.
            else:
                count += 1
                await self._handle(mailbox.take(), lifecycle.life)
        await asyncio.sleep(0)
        mailbox.pace.handled(count, clock() - began)

    async def _handle(self, event: Event, life: Life) -> None:
        turn = Turn(life.outputs)
        turn.receipt = receipt = event.receipt
        try:
            error = await self._runner.attempt(event.hook, turn, event.act, life, turn)
        except BaseException:  # This task is being ended; nobody may wait for ever.
            event.abandon(RoomStopped(f"{self.key} stopped while it handled this."))
            raise
        if life.outputs.is_over:
            event.abandon(error or RoomStopped(f"{self.key} was lost."))
            return
        is_defect = False
        if error is not None:
            if turn.interruption is not None:
                await self._environment.take_lane()  # the old one may be stuck
            was_cut = turn.is_interrupted
            turn = Turn(life.outputs, receipt=receipt, is_interrupted=was_cut)
            is_defect = event.fail(life, turn, error)
        if receipt is not None:
            turn.outputs.append(receipt)
        held = life.gate.close(turn)
        if error is not None and is_defect:
            await self._runner.report(error, life, *event.origin(life))
        if held >= self._places.capacity:
            with suppress(RoomStopped):
                await life.gate.commit(None)

    def _keep(self, is_needed: bool) -> None:
        (self._kept.add if is_needed else self._kept.discard)(self)

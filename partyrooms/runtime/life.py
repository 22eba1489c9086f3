"""One life of a room: the instance, who is connected, and what it has yet to commit."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from partyrooms.conf import Settings
from partyrooms.core.frames import Frame
from partyrooms.core.keys import RoomKey
from partyrooms.core.quota import Quota
from partyrooms.exceptions import RoomStopped
from partyrooms.ports.records import Claim
from partyrooms.ports.rooms import RoomClass
from partyrooms.ports.sockets import Closing
from partyrooms.runtime.connection import Connection, Connections
from partyrooms.runtime.data import Contents, RoomData
from partyrooms.runtime.environment import Environment
from partyrooms.runtime.gate import Gate
from partyrooms.runtime.hooks import Hooks, log_failed_report
from partyrooms.runtime.outputs import Outputs
from partyrooms.runtime.peers import Audience
from partyrooms.runtime.storage import Storage
from partyrooms.runtime.stream import StreamWriter
from partyrooms.runtime.timers import RoomTimers, Timer
from partyrooms.runtime.turn import EVERYBODY, current, outside
from partyrooms.runtime.turn_over import TurnOver
from partyrooms.usercode import outcome


class Life:
    """
    What a room's hooks reach through ``self``: outputs, data, connections, tasks.

    Making it makes the instance, so it raises what the class's ``__init__`` raises.

    Attributes:
        outputs: What it says.
        data: What it keeps.
        connections: Who is connected.
        tasks: What ``create_task`` has started and goes on.
        timers: Those that are pending.
        room: The instance.
        hooks: The instance's, ready to be awaited.
        has_lane: Its async ORM has a thread; False: only sync code asks the database.

    Args:
        room_class: Whose instance.
        key: Which room.
        claim: Under which ownership.
        sizes: What is stored, for the limits: bytes by key.
        audience: The room's sockets; those that are open already are taken over.
        environment: What it shares with the node's other rooms.
        on_lost: Called once, when the room turns out to be somebody else's.
        put_timer: Puts the call of a timer into the room's mailbox.
    """

    def __init__(
        self,
        room_class: RoomClass,
        *,
        key: RoomKey,
        claim: Claim,
        sizes: dict[bytes, int],
        audience: Audience,
        environment: Environment,
        on_lost: Callable[[], None],
        put_timer: Callable[[Timer], None],
    ) -> None:
        settings = environment.settings
        quota = Quota(
            sizes,
            max_value_size=settings.max_value_size,
            max_room_size=settings.max_room_size,
        )
        contents = Contents(quota)
        self.key = key
        self.claim = claim
        self.gate = Gate(
            claim,
            environment.committer,
            on_lost,
            environment.lease.holds,
            contents.written,
        )
        self.gate.capacity = settings.mailbox_size
        self.outputs = Outputs(key, self.gate)
        self.data = RoomData(
            key,
            claim,
            store=environment.store,
            contents=contents,
            outputs=self.outputs,
            wall_clock=environment.wall_clock,
        )
        self.storage = Storage(self.data)
        self.connections = Connections()
        self.streams: set[StreamWriter] = set()
        self.timers = RoomTimers(environment.timers, put_timer)
        self.owner = environment.name
        self.started_at = environment.wall_clock()
        self._audience = audience
        self.has_lane = environment.lane is not None
        self._take_lane = environment.take_lane
        self._replies: set[asyncio.Future[Any]] = set()
        self.tasks: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.get_running_loop()
        self.room: Any = room_class(self)
        self.hooks = Hooks(self.room, environment.in_thread)
        self.delivery_log = audience.open(claim, hibernates=room_class.hibernate)
        self.gate.delivery_log = self.delivery_log
        for socket in audience.sockets():
            connection = Connection(self.outputs, self.connections, socket)
            self.connections.welcome(connection)

    def owes(self, reply: "asyncio.Future[Any]") -> None:
        """Remember who waits: if this life ends, they are told."""
        self._replies.add(reply)
        reply.add_done_callback(self._replies.discard)

    def broadcast(self, frame: Frame, without: frozenset[str]) -> None:
        """Queue a frame for every connection but those left out."""
        self.outputs.put_out(self._audience.broadcast, (frame, without), EVERYBODY)

    def describe(self) -> dict[str, Any]:
        """Where the room runs, since when, and how many are connected."""
        return {
            "owner": self.owner,
            "epoch": self.claim.epoch,
            "connections": len(self.connections),
            "since": self.started_at,
        }

    def open_stream(self, chunks: AsyncIterator[str | bytes]) -> StreamWriter:
        """Make the room's end of a streamed answer; it ends with this life."""
        writer = StreamWriter(
            chunks,
            outputs=self.outputs,
            create_task=self.create_task,
            on_over=self.streams.discard,
        )
        self.streams.add(writer)
        return writer

    def idle_limit(self, settings: Settings) -> float | None:
        """Seconds without an event after which it leaves memory; None: not now."""
        if self.streams:
            return None
        if not self.room.hibernate:
            return None if self.connections else settings.idle_timeout
        if self.tasks or self.timers:
            return None
        if self.connections:
            return settings.hibernate_after
        return min(settings.hibernate_after, settings.idle_timeout)

    # Timers and background work

    def start_timer(self, *timer: Any) -> Timer:
        """Begin a timer, from whatever thread; see ``RoomTimers.start``."""
        self._require_time()
        if self.outputs.is_on_loop:
            return self.timers.start(*timer)
        # Typed as Any: it is a call in another thread.
        started: Timer = self.outputs.on_loop(self.timers.start, *timer)
        return started

    def _require_time(self) -> None:
        self.outputs.open_turn()
        if self.outputs.is_over:
            raise RoomStopped(f"This life of {self.key} is over: nothing begins.")

    def create_task(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine outside of any turn until this life ends."""
        try:
            self._require_time()
        except (RoomStopped, TurnOver):
            coroutine.close()
            raise
        if not self.outputs.is_on_loop:
            # From a hook that is a plain function: the loop is free to do it.
            start = self._start(coroutine)
            return asyncio.run_coroutine_threadsafe(start, self._loop).result()
        # Its ORM calls are none of a block's, whose thread it may outlive.
        context = (outside.get() or contextvars.copy_context()).copy()
        context.run(current.set, None)
        task = self._loop.create_task(self._guard(coroutine), context=context)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        # One that was cancelled before it began has not awaited it.
        task.add_done_callback(lambda _: coroutine.close())
        return task

    async def _start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self.create_task(coroutine)

    async def _guard(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        await self._take_lane()
        try:
            return await outcome(coroutine, "Background work")
        except Exception as raised:
            error = raised
        try:
            await outcome(self.hooks.on_exception(error, None), "on_exception")
        except Exception as raised:
            log_failed_report(self.key, raised, error)
        return None

    # The end

    def end(self, closing: Closing | None) -> None:
        """
        Let nothing of this life happen any more; what is not committed is lost.

        Args:
            closing: What its sockets are closed with; None: they stay open.
        """
        if self.outputs.is_over:
            return
        self.outputs.is_over = True
        self.gate.lose()
        for task in self.tasks:
            task.cancel()
        self.timers.end()
        for stream in tuple(self.streams):
            stream.cut()
        for reply in self._replies:
            if not reply.done():
                reply.set_exception(RoomStopped(f"{self.key} stopped; ask again."))
        if closing is not None:
            for socket in self.connections.sockets():
                socket.drop(closing)
        self._audience.close()

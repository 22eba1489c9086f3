"""One life of a room: the instance, who is connected, and what it has yet to commit."""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from partyrooms.core.cache import RecentValues
from partyrooms.core.frames import Frame
from partyrooms.core.keys import RoomKey
from partyrooms.core.quota import Quota
from partyrooms.core.writes import WriteSet
from partyrooms.exceptions import RoomStopped
from partyrooms.ports.cluster import Audience, Closing, Socket
from partyrooms.ports.records import Claim
from partyrooms.ports.store import Store
from partyrooms.runtime.connection import Connection, Connections
from partyrooms.runtime.draft import Draft, block, outside
from partyrooms.runtime.gate import Gate
from partyrooms.runtime.hooks import Hooks
from partyrooms.runtime.runner import log_failed_report
from partyrooms.runtime.storage import Storage
from partyrooms.runtime.turn import Turn, TurnOver, current
from partyrooms.usercode import contained

if TYPE_CHECKING:
    from partyrooms.api.room import Room
    from partyrooms.runtime.stream import StreamWriter
    from partyrooms.server.node import Node


class Life:
    """
    What a room's hooks reach behind ``self``: turns, connections, storage, tasks.

    Making it makes the instance, so it raises what the class's ``__init__`` raises.

    Args:
        room_class: Whose instance.
        key: Which room.
        claim: Under which ownership.
        sizes: What is stored, for the limits: bytes by key.
        audience: The room's sockets; those that are open already are taken over.
        node: Where it runs.
        on_lost: Called once, when the room turns out to be somebody else's.
    """

    def __init__(
        self,
        room_class: "type[Room]",
        *,
        key: RoomKey,
        claim: Claim,
        sizes: dict[bytes, int],
        audience: Audience,
        node: "Node",
        on_lost: Callable[[], None],
    ) -> None:
        settings = node.settings
        self.key = key
        self.claim = claim
        self.store: Store = node.store
        self.gate = Gate(
            claim, node.committer, on_lost, node.lease.holds, self._written
        )
        self.gate.capacity = settings.mailbox_size
        self.quota = Quota(
            sizes,
            max_value_size=settings.max_value_size,
            max_room_size=settings.max_room_size,
        )
        self.recent = RecentValues()
        self.storage = Storage(self)
        self.connections = Connections()
        self.leaving: dict[Connection, None] = {}
        self.streams: set[StreamWriter] = set()
        self._replies: set[asyncio.Future[Any]] = set()
        self.owner = node.name
        self.started_at = node.wall_clock()
        self.wall_clock = node.wall_clock
        self._audience = audience
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.is_over = False
        self.room = room_class(self)
        self.hooks = Hooks(self.room, node.in_thread)
        self.delivery_log = audience.open(claim, hibernates=room_class.hibernate)
        self.gate.delivery_log = self.delivery_log
        for socket in audience.sockets():
            self.welcome(Connection(self, socket))

    def welcome(self, connection: Connection) -> None:
        """List a connection, and let its socket's events find it."""
        connection._socket.connection = connection
        if connection._is_open:
            self.connections.add(connection)

    def sockets(self) -> list[Socket]:
        """Every socket whose end this life has not heard of."""
        open_lines = [one._socket for one in self.connections.tagged(None)]
        return open_lines + [one._socket for one in self.leaving]

    def owes(self, reply: "asyncio.Future[Any]") -> None:
        """Remember who waits: if this life ends, they are told."""
        self._replies.add(reply)
        reply.add_done_callback(self._replies.discard)

    # Turns

    def open_turn(self) -> Turn | None:
        """
        The running code's turn, if it is this life's and may still be added to.

        Raises:
            TurnOver: If the code's hook was cancelled.
        """
        turn = current.get()
        if turn is None or turn.life is not self:
            return None
        if turn.is_open:
            return turn
        turn.require_time()
        return None

    def put_out(
        self,
        deliver: Callable[[Any], None],
        what: Any,
        undo: Callable[[], None] | None = None,
    ) -> None:
        """Add an output to the running code's turn, or let it be a turn of its own."""
        turn = current.get()
        if turn is None or turn.life is not self or not turn.is_open:
            turn = self.open_turn()
        if turn is not None:
            turn.outputs.append((deliver, what))
            if undo is not None:
                turn.on_drop(undo)
            return
        self.gate.require_space()
        self.put_out_alone(deliver, what)

    def put_out_alone(self, deliver: Callable[[Any], None], what: Any) -> None:
        """Let an output be a turn of its own, whether there is space or not."""
        turn = Turn(self)
        turn.outputs.append((deliver, what))
        self.finish(turn)

    def broadcast(self, frame: Frame, without: frozenset[str]) -> None:
        """Queue a frame for every connection but those left out."""
        self.put_out(self._audience.broadcast, (frame, without))

    def open_draft(self) -> Draft | None:
        """
        Where the running code's writes go; None: each is a turn of its own.

        Raises:
            TurnOver: If the code's hook was cancelled.
        """
        turn = self.open_turn()
        inner = block.get()
        # A block collects its writes though the turn around it has ended.
        if inner is not None and inner.turn is current.get() and inner.is_open:
            return inner if inner.turn.life is self else None
        return None if turn is None else turn.draft

    @contextmanager
    def writing(self) -> Iterator[Draft]:
        """
        Where a write goes; outside of a turn one of its own, closed behind the block.

        Raises:
            RoomStopped: If this life is over.
            TurnOver: If the code's hook was cancelled.
            GateFull: If too many turns wait, and this would be one.
        """
        if self.is_over:
            raise RoomStopped(f"This life of {self.key} is over; it writes no more.")
        draft = self.open_draft()
        if draft is not None:
            yield draft
            return
        self.gate.require_space()
        turn = Turn(self)
        yield turn.draft
        self.finish(turn)

    def keep(self, draft: Draft) -> None:
        """End a block whose writes count; a turn of their own if its turn has ended."""
        if not draft.keep():
            turn = Turn(self)
            turn.draft.writes.merge(draft.writes)
            self.finish(turn)

    def finish(self, turn: Turn) -> None:
        """Close a turn that no event opened, from whatever thread."""
        if self.is_over:
            turn.drop()
        elif threading.get_ident() == self._thread:
            self.gate.close(turn)
        else:
            self._loop.call_soon_threadsafe(self.gate.close, turn)

    def _written(self, writes: WriteSet) -> None:
        """A turn has ended: its writes are the room's."""
        self.quota.apply(writes)
        if writes.cleared:
            self.recent.clear()
        for key, value in writes.entries.items():
            self.recent.written(key, value)

    @property
    def is_on_loop(self) -> bool:
        """Whether the running code is in the event loop's thread."""
        return threading.get_ident() == self._thread

    # Background work

    def create_task(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine outside of any turn until this life ends."""
        try:
            self.open_turn()
            if self.is_over:
                raise RoomStopped(f"This life of {self.key} is over: no task begins.")
        except (RoomStopped, TurnOver):
            coroutine.close()
            raise
        if threading.get_ident() != self._thread:
            # From a hook that is a plain function: the loop is free to do it.
            start = self._start(coroutine)
            return asyncio.run_coroutine_threadsafe(start, self._loop).result()
        # Its ORM calls are none of a block's, whose thread it may outlive.
        context = (outside.get() or contextvars.copy_context()).copy()
        context.run(current.set, None)
        task = self._loop.create_task(self._guard(coroutine), context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # One that was cancelled before it began has not awaited it.
        task.add_done_callback(lambda _: coroutine.close())
        return task

    async def _start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self.create_task(coroutine)

    def has_task(self, task: "asyncio.Task[Any]") -> bool:
        """Whether a task was started by ``create_task``."""
        return task in self._tasks

    async def _guard(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await coroutine
        except asyncio.CancelledError:
            raise
        except BaseException as raised:  # it may raise whatever it likes
            error = contained(raised, "Background work")
        try:
            await self.hooks.on_exception(error, None)
        except asyncio.CancelledError:
            raise
        except BaseException as raised:
            log_failed_report(self.key, contained(raised, "on_exception"), error)
        return None

    # The end

    def end(self, closing: Closing | None) -> None:
        """
        Let nothing of this life happen any more; what is not committed is lost.

        Args:
            closing: What its sockets are closed with; None: they stay open.
        """
        if self.is_over:
            return
        self.is_over = True
        self.gate.lose()
        for task in self._tasks:
            task.cancel()
        for stream in tuple(self.streams):
            stream.cut()
        for reply in self._replies:
            if not reply.done():
                reply.set_exception(RoomStopped(f"{self.key} stopped; ask again."))
        for socket in self.sockets():
            socket.connection = None
            if closing is not None:
                socket.drop(closing)
        self._audience.close()

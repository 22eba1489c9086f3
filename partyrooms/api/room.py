"""
``Room``: the class that a developer writes one of for each kind of room.

Its docstrings are the manual of what a hook is told and what it may call.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, ClassVar

from partyrooms import registry
from partyrooms.api.parties import Parties, parties
from partyrooms.core.frames import Frame
from partyrooms.core.validation import as_ids, as_payload, as_timer
from partyrooms.core.walk import Walk
from partyrooms.exceptions import ConnectionTrouble
from partyrooms.json_text import json_message
from partyrooms.ports.sockets import ConnectionContext
from partyrooms.runtime.connection import Connection
from partyrooms.runtime.life import Life
from partyrooms.runtime.storage import Storage
from partyrooms.runtime.timers import MIN_INTERVAL, Timer

logger = logging.getLogger("partyrooms.room")


class Room:
    """
    A stateful server of its own for each room id.

    Subclass it in an installed app's ``rooms.py``. Everyone who connects with the same
    id reaches the same instance; it handles one event at a time, keeps state on
    ``self`` between events, and in ``self.storage`` between lives. Whatever a hook
    sends or returns leaves only after what it stored is committed; if it raises,
    neither happens.

    Hooks may be ``async def``, or plain ``def``: those run in a thread, may use the
    ORM's sync API, and reach awaitable members through ``async_to_sync``.

    Attributes:
        party: The name in URLs; default: the class name in kebab case.
        abstract: True in a class's own body: only to be inherited from.
        hibernate: Leave memory between events while sockets stay open.
        subprotocols: The first one that the client also offers is selected.
        allowed_origins: As ``ALLOWED_ORIGINS``, and besides it.
        max_connections: A further socket is closed with 1013; None: no limit.
        crons: When ``on_cron`` is called: names, and expressions as in ``"0 3 * * *"``.
        auto_response: Texts, and what the gateway answers to each without an event.
        message_rate: Frames of one connection, as in ``"100/s"``; None: the setting's.
        max_message_size: Bytes of one frame; None: the setting's.
        id: Which room of the party.
        storage: What this room keeps between lives.
        parties: Every other room: ``self.parties["chat"].get("lobby")``.
    """

    party: ClassVar[str]
    abstract: ClassVar[bool] = True
    hibernate: ClassVar[bool] = False
    subprotocols: ClassVar[Sequence[str]] = ()
    allowed_origins: ClassVar[Sequence[str] | str | None] = None
    max_connections: ClassVar[int | None] = None
    crons: ClassVar[Mapping[str, str]] = {}
    auto_response: ClassVar[Mapping[str, str]] = {}
    message_rate: ClassVar[str | None] = None
    max_message_size: ClassVar[int | None] = None
    # Django REST framework's; None: what REST_FRAMEWORK says.
    authentication_classes: ClassVar[Sequence[Any] | None] = None
    permission_classes: ClassVar[Sequence[Any] | None] = None
    throttle_classes: ClassVar[Sequence[Any] | None] = None
    parser_classes: ClassVar[Sequence[Any] | None] = None
    renderer_classes: ClassVar[Sequence[Any] | None] = None

    id: str
    storage: Storage
    parties: Parties

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("abstract", False):
            return
        cls.abstract = False
        if "party" not in cls.__dict__:
            cls.party = registry.party_name(cls.__name__)
        registry.register(cls)

    def __new__(cls, life: Life, *args: Any, **kwargs: Any) -> "Room":
        """Set what can be read from the first line of ``__init__`` on."""
        room = super().__new__(cls)
        room._life = life
        room.id = life.key.room_id
        room.storage = life.storage
        room.parties = parties
        return room

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Override it with ``super().__init__(*args, **kwargs)``; it cannot await."""

    _life: Life

    # Hooks

    async def on_start(self) -> None:
        """Load what the room needs; once per life, before its first event."""

    async def on_connect(self, connection: Connection, ctx: ConnectionContext) -> None:
        """Greet a client; it hears nothing, and is not heard, before this ends."""

    async def on_message(self, message: str | bytes, sender: Connection) -> None:
        """
        Handle a frame: ``str`` for text, ``bytes`` for binary.

        ``message`` comes from the client: check it.
        """

    async def on_close(self, connection: Connection) -> None:
        """Note that a client has gone; it is no longer in ``get_connections()``."""

    async def on_error(self, connection: Connection, error: ConnectionTrouble) -> None:
        """Hear why a connection is about to be closed; ``on_close`` follows."""

    async def on_exception(
        self, error: Exception, connection: Connection | None
    ) -> None:
        """
        Hear that a hook raised; what it stored and sent was dropped.

        Args:
            error: What it raised, or ``HookTimeout``.
            connection: Whose event it was; None: nobody's.
        """
        logger.error(
            "A hook of %s raised %s",
            self,
            type(error).__name__,
            exc_info=error,
            extra={"action": "hook_failed", "room": str(self)},
        )

    async def get_connection_tags(
        self, connection: Connection, ctx: ConnectionContext
    ) -> Sequence[str]:
        """Choose up to 9 tags of 1-256 characters for ``get_connections(tag)``."""
        return ()

    # What hooks call

    def broadcast(
        self, message: str | bytes, without: Collection[str | Connection] = ()
    ) -> None:
        """
        Queue a message for every connection of the room.

        Args:
            message: Encoded once for all of them.
            without: Ids (or connections) that do not get it.

        Raises:
            TypeError: If the message is neither ``str`` nor ``bytes``.
            ValueError: If it is text that has no UTF-8.
        """
        frame = Frame(as_payload(message, "broadcast"))
        self._life.broadcast(frame, as_ids(without))

    def broadcast_json(
        self, obj: Any, without: Collection[str | Connection] = ()
    ) -> None:
        """Queue a value as a JSON text, encoded once, for every connection."""
        self.broadcast(json_message(obj), without)

    def get_connection(self, id: str) -> Connection | None:
        """The newest connection with this id; None: there is none."""
        return self._life.connections.newest(id)

    def get_connections(self, tag: str | None = None) -> Walk[Connection]:
        """Walk through the connections with a tag, or all of them; it has a ``len``."""
        return self._life.connections.tagged(tag)

    def create_task(self, coroutine: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """
        Run work in the background, as long as the room's life lasts.

        It is cancelled when the room stops; what it raises goes to ``on_exception``. It
        keeps a hibernating room in memory.
        Each ``send``, ``broadcast`` and ``put`` in it is a turn of its own.

        Returns:
            The task, with what the coroutine returns as its result; None if it raised.

        Raises:
            TypeError: If it is no coroutine.
        """
        if not asyncio.iscoroutine(coroutine):
            raise TypeError(
                f"create_task() takes a coroutine, not {coroutine!r:.80}; call the "
                "coroutine function, as in self.create_task(self.tick())."
            )
        return self._life.create_task(coroutine)

    def after(self, seconds: float, method: Callable[..., Any], *args: Any) -> Timer:
        """
        Call a method once, so many seconds from now, as an event of its own.

        It has its place in the room's order, is a turn like any other, and may take
        ``HOOK_TIMEOUT``; what it raises goes to ``on_exception``. The timer ends with
        the room's life: what must outlive that is an alarm.

        Args:
            seconds: From now; 0: behind the events that wait already.
            method: A coroutine function, or a plain one, which runs in a thread.
            args: What it is given.

        Returns:
            The timer, whose ``cancel()`` may be called at any time.

        Raises:
            TypeError: If the method cannot be called.
            ValueError: If the seconds are none that can pass.
        """
        delay = as_timer("after", seconds, method, least=0.0)
        return self._life.start_timer(delay, None, method, args)

    def every(self, seconds: float, method: Callable[..., Any], *args: Any) -> Timer:
        """
        Call a method again and again; the first time so many seconds from now.

        Each call is like one of ``after``, and one that raises ends nothing. While a
        call waits for its turn, no second one comes behind it.

        Args:
            seconds: Between two calls; at least 0.001.
            method: As of ``after``.
            args: What it is given.

        Raises:
            TypeError: If the method cannot be called.
            ValueError: If the seconds are fewer, or none that can pass.
        """
        interval = as_timer("every", seconds, method, least=MIN_INTERVAL)
        return self._life.start_timer(interval, interval, method, args)

    def __str__(self) -> str:
        return f"{self.party}/{self.id}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

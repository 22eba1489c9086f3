"""``stub.socket()``: a WebSocket to a room that no network carries."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs
from uuid import uuid4

from partyrooms import registry
from partyrooms.core.frames import Profile, payload_size
from partyrooms.core.keys import RoomKey
from partyrooms.core.validation import as_closing, as_payload
from partyrooms.core.wire.message import RequestCopy
from partyrooms.delivery.attachment import Attachment
from partyrooms.delivery.auto_response import answers_of
from partyrooms.delivery.message_queue import MessageQueue, SocketReader
from partyrooms.delivery.requests import describe_request, http_request, join_query
from partyrooms.exceptions import RoomUnreachable, SocketClosed, TooSlow
from partyrooms.ports.host import get_host
from partyrooms.ports.rooms import Chain
from partyrooms.ports.sockets import Closing, ConnectionContext
from partyrooms.runtime.deadlock import wait_for

Result = TypeVar("Result")


class StubSocket(SocketReader):
    """
    A client of a room in the project's code: ``async with stub.socket() as socket``.

    The room sees a connection like any other. Before-hooks and the checks of handshakes
    do not run: the caller is the project's own code. ``async for message in socket``
    ends when the socket is closed. A reader that is too slow is closed with 3008.

    Attributes:
        id: The connection's id.
        subprotocol: The one that was selected; None: none.
        close_code: What it was closed with; None: it is open.
        close_reason: The reason that came with the code.
    """

    def __init__(
        self,
        key: RoomKey,
        path: str,
        query: Mapping[str, Any],
        protocols: Sequence[str],
        user_id: str | None,
    ) -> None:
        super().__init__()
        path, _, parameters = path.partition("?")
        encoded = join_query(parameters, query)
        self.id = parse_qs(encoded).get("_pk", [uuid4().hex])[-1]
        self.subprotocol = _selected(key, protocols)
        handshake = _handshake(key, path, encoded, protocols, user_id)
        self._client = _Client(key, self.id, handshake, self._queue)

    async def __aenter__(self) -> Self:
        """
        Connect, and wait until the room has let the socket in.

        Raises:
            SocketClosed: If the room refused it, or cannot be reached.
            RoomUnreachable: If it did not answer within ``CONNECT_TIMEOUT``.
            CallCycle: In a hook, if its room would wait for itself.
        """
        self._loop = get_host().loop()
        await self._run(self._client.open)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def send(self, message: str | bytes) -> None:
        """
        Send a message, after waiting for space in the room's mailbox.

        Raises:
            TypeError: If it is neither ``str`` nor ``bytes``.
            ValueError: If it is larger than the room takes.
            SocketClosed: If the socket is closed, or being closed.
        """
        message = as_payload(message, "send")
        await self._run(lambda: self._client.put(message))

    async def receive(self) -> str | bytes:
        """
        The next message; safe to cancel.

        Raises:
            SocketClosed: If there is none any more, with code and reason.
        """
        return await self._run(self._queue.get)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Close the socket; the room's ``on_close`` is called. Twice is no error.

        Raises:
            ValueError: If code or reason cannot be sent.
        """
        closing = as_closing(code, reason)
        await self._run(lambda: self._client.shut(closing))

    async def _run(self, work: Callable[[], Awaitable[Result]]) -> Result:
        return await get_host().run_on(self._loop, work)


class _Client:
    """
    The client's end, on the event loop of the rooms; a ``SocketObserver``.

    Args:
        key: The room.
        id: The connection's.
        handshake: What ``on_connect`` gets.
        queue: Where messages are read.
    """

    def __init__(
        self, key: RoomKey, id: str, handshake: RequestCopy, queue: MessageQueue
    ) -> None:
        self._key = key
        self._id = id
        self._handshake = handshake
        self._queue = queue
        self._sending = asyncio.Lock()

    async def open(self) -> None:
        """Ask the room to let the socket in; see ``StubSocket.__aenter__``."""
        node = get_host().node()
        if node.is_leaving:
            raise RoomUnreachable("This process is going away.")
        key, settings = self._key, node.settings
        own_limit = registry.get(key.party).max_message_size
        self._max_size = own_limit or settings.max_message_size
        self._answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        user_id = self._handshake.user_id
        self._attachment = Attachment(
            node,
            key,
            Profile(id=self._id, uri=_uri(self._handshake), user_id=user_id),
            observer=self,
            send=self._take,
            accept_event={"type": "websocket.accept"},
        )
        self._inbox, self._socket = self._attachment.inbox, self._attachment.socket
        try:
            async with asyncio.timeout(settings.connect_timeout):
                await self._inbox.space()
                await wait_for(key, self._inbox, self._connect)
        except BaseException as error:
            self._leave((1006, ""), was_clean=False)
            if isinstance(error, TimeoutError):
                text = f"{key} did not answer within CONNECT_TIMEOUT."
                raise RoomUnreachable(text) from error
            raise
        if self._socket.is_dropped:
            raise SocketClosed(*(self._socket.closing or (1006, "")))

    async def put(self, message: str | bytes) -> None:
        """Put a message into the room's mailbox; see ``StubSocket.send``."""
        size = payload_size(message)
        if size > self._max_size:
            raise ValueError(
                f"{self._key} takes messages of at most {self._max_size} bytes; this "
                f"one has {size}."
            )
        async with self._sending:  # one waits for space at a time, the others for it
            await self._inbox.space(self._socket)
            if self._socket.closing is not None:
                raise SocketClosed(*self._socket.closing)
            self._queue.require_open()
            answer = answers_of(registry.get(self._key.party)).get(message)
            if answer is None:
                self._inbox.message(self._socket, message)
            else:
                self._socket.send(answer)

    async def shut(self, closing: Closing) -> None:
        """Close the socket from the client's side."""
        self._leave(closing, was_clean=True)

    def answered(self) -> None:
        """The room accepted the socket, or refuses it now."""
        if not self._answer.done():
            self._answer.set_result(None)

    def overflowed(self) -> None:
        """The reader is too slow."""
        self._attachment.cut_off(TooSlow())

    def ending(self) -> None:
        """Nothing: the event that says so is on its way."""

    def refused(self, error: Exception) -> None:
        """Never: it takes every close code."""

    def _connect(self, chain: Chain) -> "asyncio.Future[None]":
        context = ConnectionContext(http_request(self._handshake), {})
        self._attachment.connect(context, chain)
        return self._answer

    async def _take(self, event: dict[str, Any]) -> None:
        """Bring an event to the client when it has space, as a server does."""
        if event["type"] == "websocket.send":
            await self._queue.space()
            self._queue.put(event["text"] if "text" in event else event["bytes"])
        elif event["type"] == "websocket.close":
            closing = (event["code"], event["reason"])
            self._queue.close(closing)
            self._attachment.report(closing, was_clean=True)

    def _leave(self, closing: Closing, *, was_clean: bool) -> None:
        self._queue.close(closing)
        self._attachment.leave(closing, was_clean)


def _selected(key: RoomKey, protocols: Sequence[str]) -> str | None:
    if isinstance(protocols, str):
        raise TypeError(f"protocols= takes a list, as in [{protocols!r}].")
    spoken: Sequence[str] = registry.get(key.party).subprotocols
    for protocol in spoken:
        if protocol in protocols:
            return protocol
    if protocols:
        raise ValueError(
            f"{key} speaks none of {list(protocols)}; its subprotocols are "
            f"{list(spoken)}."
        )
    return None


def _handshake(
    key: RoomKey,
    path: str,
    query: str,
    protocols: Sequence[str],
    user_id: str | None,
) -> RequestCopy:
    if path and not path.startswith("/"):
        raise ValueError(
            f"The path of a socket begins with a slash; {path!r} does not."
        )
    headers = {"sec-websocket-protocol": ", ".join(protocols)} if protocols else None
    return describe_request(key, path, query=query, headers=headers, user_id=user_id)


def _uri(handshake: RequestCopy) -> str:
    path = handshake.raw_path.decode("latin-1")
    return f"{path}?{handshake.query.decode()}" if handshake.query else path

"""``stub.socket()``: a WebSocket to a room that no network carries."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode
from uuid import uuid4

from partyrooms import registry
from partyrooms.core.frames import Profile, payload_size
from partyrooms.core.keys import RoomKey
from partyrooms.core.validation import as_closing, as_payload
from partyrooms.core.wire import RequestCopy
from partyrooms.delivery.local_socket import LocalSocket
from partyrooms.delivery.request_copy import restore_handshake
from partyrooms.exceptions import RoomUnreachable, SocketClosed, TooSlow
from partyrooms.ports.rooms import Chain, RoomInbox
from partyrooms.ports.sockets import Closing, ConnectionContext
from partyrooms.runtime.deadlock import wait_for
from partyrooms.server.host import host_loop, node_here, run_on

MAX_UNREAD = 64 * 1024
"""Bytes of messages kept for whoever reads; what comes then waits, and counts for
``MAX_QUEUED_BYTES``."""


class StubSocket:
    """
    A client of a room in the project's code: ``async with stub.socket() as socket``.

    The room sees a connection like any other. Before-hooks and the checks of handshakes
    do not: the caller is the project's own code. ``async for message in socket`` ends
    when the socket is closed. Whoever reads too slowly is closed with 3008.

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
        self.id = str(query.get("_pk") or uuid4().hex)
        self.subprotocol = _selected(key, protocols)
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._key = key
        self._handshake = _handshake(key, path, query, protocols, user_id)
        self._messages: deque[str | bytes] = deque()
        self._unread = 0
        self._is_reported = False
        self._news = asyncio.Event()
        self._space = asyncio.Event()

    async def __aenter__(self) -> Self:
        """
        Connect, and wait until the room has let the socket in.

        Raises:
            SocketClosed: If the room refused it, or cannot be reached.
            RoomUnreachable: If it did not answer within ``CONNECT_TIMEOUT``.
            CallCycle: In a hook, if its room would wait for itself.
        """
        self._home = host_loop()
        await run_on(self._home, self._open)
        return self

    async def _open(self) -> None:
        node = node_here()
        if node.is_leaving:
            raise RoomUnreachable("This process is going away.")
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inbox: RoomInbox = node.cluster.inbox(self._key)
        copy = self._handshake
        self._socket = LocalSocket(
            Profile(id=self.id, uri=_uri(copy), user_id=copy.user_id),
            observer=_Observer(self),
            audience=node.cluster.local_audience(self._key),
            send=self._take,
            accept_event={"type": "websocket.accept"},
            max_queued=node.settings.max_queued_bytes,
        )
        node.cluster.attach(self._socket)
        node.sockets.add(self._socket)
        self._max_size = _max_size(self._key, node.settings.max_message_size)
        try:
            async with asyncio.timeout(node.settings.connect_timeout):
                await self._inbox.space()
                await wait_for(self._key, self._inbox, self._connect)
        except BaseException as error:
            self._leave((1006, ""), was_clean=False)
            if isinstance(error, TimeoutError):
                text = f"{self._key} did not answer within CONNECT_TIMEOUT."
                raise RoomUnreachable(text) from error
            raise
        if self._socket.is_dropped:
            raise SocketClosed(*(self._socket.closing or (1006, "")))

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
        if payload_size(message) > self._max_size:
            raise ValueError(
                f"{self._key} takes messages of at most {self._max_size} bytes; this "
                f"one has {payload_size(message)}."
            )
        await run_on(self._home, lambda: self._put(message))

    async def _put(self, message: str | bytes) -> None:
        await self._inbox.space()
        closing = self._socket.closing
        if closing is None and self.close_code is not None:
            closing = self.close_code, self.close_reason or ""
        if closing is not None:
            raise SocketClosed(*closing)
        self._inbox.message(self._socket, message)

    async def receive(self) -> str | bytes:
        """
        The next message; safe to cancel.

        Raises:
            SocketClosed: If there is none any more, with code and reason.
        """
        return await run_on(self._home, self._get)

    async def _get(self) -> str | bytes:
        while not self._messages:
            if self.close_code is not None:
                raise SocketClosed(self.close_code, self.close_reason or "")
            self._news.clear()
            await self._news.wait()
        message = self._messages.popleft()
        self._unread -= payload_size(message)
        self._space.set()
        return message

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str | bytes:
        """The next message; the end of the socket ends the iteration."""
        try:
            return await self.receive()
        except SocketClosed:
            raise StopAsyncIteration from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Close the socket; the room's ``on_close`` hears of it. Twice is no error.

        Raises:
            ValueError: If code or reason cannot be sent.
        """
        closing = as_closing(code, reason)
        await run_on(self._home, lambda: self._shut(closing))

    async def _shut(self, closing: Closing) -> None:
        self._leave(closing, was_clean=True)

    def _connect(self, chain: Chain) -> "asyncio.Future[None]":
        context = ConnectionContext(restore_handshake(self._handshake), {})
        self._inbox.connect(self._socket, context, chain)
        return self._opened

    async def _take(self, event: dict[str, Any]) -> None:
        """Bring an event to the client when it has space, as a server does."""
        if event["type"] == "websocket.send":
            payload = event["text"] if "text" in event else event["bytes"]
            size = payload_size(payload)
            while self._unread and self._unread + size > MAX_UNREAD:
                self._space.clear()
                await self._space.wait()
            self._unread += size
            self._messages.append(payload)
        elif event["type"] == "websocket.close":
            self._end((event["code"], event["reason"]))
            self._report((event["code"], event["reason"]), was_clean=True)
        self._news.set()

    def _leave(self, closing: Closing, *, was_clean: bool) -> None:
        self._end(closing)
        self._report(closing, was_clean)
        self._socket.leave()
        self._socket.stop()

    def _end(self, closing: Closing) -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = closing
        self._news.set()

    def _report(self, closing: Closing, was_clean: bool) -> None:
        """Tell the room of the end, once, unless it does not want to hear."""
        if not self._is_reported:
            self._is_reported = True
            if not self._socket.is_dropped:
                closing = self._socket.closing or closing
                self._inbox.closed(self._socket, closing, was_clean)


class _Observer:
    """What the outbox tells its socket; a ``SocketObserver``."""

    def __init__(self, socket: StubSocket) -> None:
        self._socket = socket

    def answered(self) -> None:
        """The room let the socket in, or refuses it now."""
        if not self._socket._opened.done():
            self._socket._opened.set_result(None)

    def overflowed(self) -> None:
        """Nobody reads."""
        socket, trouble = self._socket, TooSlow()
        closing = (trouble.close_code, trouble.reason)
        socket._socket.cut_off(closing)
        socket._inbox.trouble(socket._socket, trouble)
        socket._report(closing, was_clean=False)

    def ending(self) -> None:
        """Nothing: the event that says so is on its way."""

    def refused(self, error: Exception) -> None:
        """Never: it takes every close code."""


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


def _max_size(key: RoomKey, default: int) -> int:
    return registry.get(key.party).max_message_size or default


def _handshake(
    key: RoomKey,
    path: str,
    query: Mapping[str, Any],
    protocols: Sequence[str],
    user_id: str | None,
) -> RequestCopy:
    if path and not path.startswith("/"):
        raise ValueError(
            f"The path of a socket begins with a slash; {path!r} does not."
        )
    headers = [(b"host", b"localhost")]
    if protocols:
        headers.append((b"sec-websocket-protocol", ", ".join(protocols).encode()))
    return RequestCopy(
        method="GET",
        path=f"/parties/{key.party}/{key.room_id}{path}",
        raw_path=f"/parties/{key.party}/{quote(key.room_id, safe='')}{path}".encode(),
        query=urlencode(query, doseq=True).encode(),
        scheme="http",
        headers=headers,
        user_id=user_id,
    )


def _uri(copy: RequestCopy) -> str:
    path = copy.raw_path.decode("latin-1")
    return f"{path}?{copy.query.decode()}" if copy.query else path

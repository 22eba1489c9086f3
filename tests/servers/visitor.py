"""What a test does with a server: define rooms on it, join them, ask them, look."""

import inspect
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from tests.deadline import DEADLINE
from tests.servers.client import Client, open_socket
from tests.servers.process import Server


class Room:
    """
    Stands for ``partyrooms.Room`` in a test's class, which is only sent, never run.

    A class in a test must not be registered in the test's own process.
    """


class Misconfigured(Exception):
    """The server raised ImproperlyConfigured; the text is its text."""


class Visitor:
    """
    One client's view of a server: cookies, sockets, rooms. ``visit()`` makes it.

    Attributes:
        http: An HTTP client at the server's address.
        origin: The server's own, as a browser would send it.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.origin = server.http_url
        self.http = httpx.AsyncClient(
            base_url=server.http_url, timeout=DEADLINE, trust_env=False
        )
        self._sockets: list[Client] = []

    async def define(self, room_class: type, **constants: Any) -> "RemoteRoom":
        """
        Make a room class on the server, and an address of one of its rooms.

        The class is sent as its source: it sees what ``site/namespace.py`` imports,
        the test's variables that its methods use (JSON-able, as they are now), and the
        given constants. Its party's name is new, unless the class sets one.

        Args:
            room_class: A class of the test, made on ``Room``.
            constants: Variables that the class's body uses outside of its methods.

        Raises:
            Misconfigured: If partyrooms refuses the class.
        """
        party = await self._lab(
            "define",
            name=room_class.__name__,
            source=textwrap.dedent(inspect.getsource(room_class)),
            constants={**_captured(room_class), **constants},
        )
        return self.room(party)

    def room(self, party: str, room_id: str | None = None) -> "RemoteRoom":
        """The address of a room; without an id, of one that nobody knows yet."""
        return RemoteRoom(self, party, room_id or f"room-{uuid4().hex[:12]}")

    async def login(self, name: str, *, is_staff: bool = False) -> dict[str, Any]:
        """Be a user from now on; their ``id`` and a ``csrf`` token."""
        return await self._lab("login", name=name, is_staff=is_staff)

    @property
    def cookies(self) -> dict[str, str]:
        """The Cookie header of this visitor; empty if there are none."""
        pairs = [f"{name}={value}" for name, value in self.http.cookies.items()]
        return {"Cookie": "; ".join(pairs)} if pairs else {}

    async def connect(self, target: str, **options: Any) -> Client:
        """Open a socket at a path (and query) exactly as written; closed at the end."""
        headers = {**self.cookies, **options.pop("headers", {})}
        # A browser sends its Origin always; other clients with cookies have to.
        options.setdefault("origin", self.origin if "Cookie" in headers else None)
        socket = await open_socket(
            f"{self.server.ws_url}{target}", additional_headers=headers, **options
        )
        self._sockets.append(socket)
        return socket

    async def refusal(self, target: str, **options: Any) -> Response:
        """The HTTP response that refuses a handshake."""
        try:
            await self.connect(target, **options)
        except InvalidStatus as refused:
            return refused.response
        raise AssertionError(f"The handshake of {target} was accepted.")

    async def notes(self, name: str, until: str | None = None, times: int = 1) -> Any:
        """
        What rooms noted under a name, in order.

        Args:
            name: As in ``note(name, ...)`` in a room; usually the room's id.
            until: Wait for notes that begin with this word.
            times: For how many of them.
        """
        return await self._lab("notes", name=name, until=until, times=times)

    async def reached(self, name: str, times: int = 1) -> None:
        """Wait until code in a room waits at the gate of this name."""
        await self._lab("reached", name=name, times=times)

    async def open_gate(self, name: str) -> None:
        """Let all pass that wait at a gate or come later."""
        await self._lab("open", name=name)

    async def whole_log(self, since: int = 0) -> list[str]:
        """All that the server has logged until now, from line ``since`` on."""
        name = uuid4().hex
        await self._lab("mark", name=name)
        await self.server.wait_for_log(name)
        return [line for line in self.server.log[since:] if name not in line]

    async def close(self) -> None:
        """Close every socket and the HTTP client."""
        for socket in self._sockets:
            socket.transport.abort()
        for socket in self._sockets:
            await socket.wait_closed()
        await self.http.aclose()

    async def _lab(self, action: str, **arguments: Any) -> Any:
        response = await self.http.post(
            f"/lab/{action}",
            json=arguments,
            headers={"X-Lab-Token": self.server.lab_token},
        )
        if response.status_code == 409:
            raise Misconfigured(response.json())
        assert response.status_code == 200, response.text
        return response.json()


@dataclass
class RemoteRoom:
    """The address of one room on a server, whether it lives or not."""

    visitor: Visitor
    party: str
    room_id: str

    @property
    def path(self) -> str:
        """Its path, encoded."""
        return f"/parties/{self.party}/{quote(self.room_id, safe='')}"

    @property
    def key(self) -> str:
        """As logs write it."""
        return f"{self.party}/{self.room_id}"

    def other(self, room_id: str | None = None) -> "RemoteRoom":
        """Another room of the same party."""
        return self.visitor.room(self.party, room_id)

    def target(self, pk: str | None = None, path: str = "", **query: str) -> str:
        """Path and query of a handshake."""
        if pk is not None:
            query = {"_pk": pk, **query}
        return f"{self.path}{path}" + (f"?{urlencode(query)}" if query else "")

    async def join(
        self,
        pk: str | None = None,
        *,
        path: str = "",
        query: dict[str, str] | None = None,
        **options: Any,
    ) -> Client:
        """Connect with a connection id."""
        target = self.target(pk, path, **(query or {}))
        return await self.visitor.connect(target, **options)

    async def refusal(
        self, pk: str | None = None, *, query: dict[str, str] | None = None, **opts: Any
    ) -> Response:
        """The HTTP response that refuses a handshake to this room."""
        return await self.visitor.refusal(self.target(pk, **(query or {})), **opts)

    async def request(
        self, method: str = "GET", path: str = "", **options: Any
    ) -> httpx.Response:
        """Ask over HTTP."""
        return await self.visitor.http.request(method, f"{self.path}{path}", **options)

    async def data(self, method: str = "GET", path: str = "", **options: Any) -> Any:
        """Ask over HTTP and decode what must be a success."""
        response = await self.request(method, path, **options)
        assert response.status_code == 200, response.text
        return response.json()

    async def notes(self, until: str | None = None, times: int = 1) -> Any:
        """What was noted under this room's id."""
        return await self.visitor.notes(self.room_id, until, times)

    async def reached(self, times: int = 1) -> None:
        """Wait until a hook waits at the gate that has this room's id."""
        await self.visitor.reached(self.room_id, times)

    async def open_gate(self) -> None:
        """Open that gate."""
        await self.visitor.open_gate(self.room_id)


@asynccontextmanager
async def visit(server: Server) -> AsyncIterator[Visitor]:
    """A visitor for the block; what it opened is closed afterwards."""
    visitor = Visitor(server)
    try:
        yield visitor
    finally:
        await visitor.close()


def _captured(room_class: type) -> dict[str, Any]:
    """The variables around a class that its methods use."""
    captured: dict[str, Any] = {}
    for member in vars(room_class).values():
        function = getattr(member, "__func__", member)
        if inspect.isfunction(function):
            captured |= inspect.getclosurevars(function).nonlocals
    captured.pop("__class__", None)  # what super() looks at; made anew there
    return captured

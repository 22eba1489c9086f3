"""
The testing kit: a room without server, socket, database or clock.

    from partyrooms.testing import running_room

    async def test_the_sender_does_not_hear_itself():
        async with running_room(Chat, "lobby") as room:
            alice, bob = await room.connect("alice"), await room.connect("bob")

            await alice.send("hi")

            assert bob.received == ["hi"]
            assert alice.received == []

Each call returns when the room has handled it and everything is committed, so a test
neither sleeps nor waits. It works in pytest and in Django's ``TestCase`` alike.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from partyrooms import registry
from partyrooms.api.requests import StubResponse, build_request, respond
from partyrooms.api.room import Room
from partyrooms.conf import get_settings
from partyrooms.core.frames import Profile
from partyrooms.core.keys import RoomKey
from partyrooms.core.ranges import Span
from partyrooms.core.values import decode
from partyrooms.delivery.requests import describe_request, http_request
from partyrooms.json_text import json_text
from partyrooms.ports.sockets import ConnectionContext
from partyrooms.runtime.starter import MOVED
from partyrooms.runtime.worker import Worker
from partyrooms.server.node import Node
from partyrooms.server.nodes import use_node
from partyrooms.testing.client import Client
from partyrooms.testing.memory_store import MemoryStore
from partyrooms.testing.plain_hooks import PlainHooks
from partyrooms.testing.timeline import FakeClock, Timeline
from partyrooms.timezones import as_project
from partyrooms.web.http.policy import user_id_of
from partyrooms.web.sockets.examination import connection_id_error

__all__ = ["Client", "RunningRoom", "running_room"]


@asynccontextmanager
async def running_room(
    room_class: type[Room], room_id: str = "test", **settings: Any
) -> "AsyncIterator[RunningRoom]":
    """
    Run one room (and whatever rooms it calls) for a test.

    Args:
        room_class: The class to test.
        room_id: Which room.
        settings: Keys of ``PARTYROOMS`` in lower case, for this test.
    """
    clock = FakeClock()
    plain_hooks = PlainHooks()
    database = get_settings().database
    store = MemoryStore(around=partial(transaction.atomic, using=database))
    node = Node(
        store,
        name="test",
        settings=replace(get_settings(), **settings),
        clock=clock.monotonic,
        wall_clock=clock.wall,
        in_thread=plain_hooks,
    )
    use_node(node)
    try:
        yield RunningRoom(room_class, room_id, node, Timeline(node, clock, store))
    finally:
        await node.close()
        plain_hooks.close()
        use_node(None)


class RunningRoom:
    """
    The room under test. It starts with the first call, as in a server.

    Attributes:
        key: Its party and id.
    """

    def __init__(
        self, room_class: type[Room], room_id: str, node: Node, timeline: Timeline
    ) -> None:
        self.key = RoomKey(room_class.party, room_id)
        self._node = node
        self._timeline = timeline
        self._store = timeline.store
        self._worker: Worker = node.worker(self.key)

    @property
    def instance(self) -> Room:
        """
        The live instance, to look at what it keeps on ``self``.

        Raises:
            RuntimeError: If the room is not in memory.
        """
        if self._worker.life is None:
            raise RuntimeError(f"{self.key} is not in memory; connect or ask it first.")
        room: Room = self._worker.life.room
        return room

    @property
    def is_running(self) -> bool:
        """Whether the room is in memory."""
        return self._worker.life is not None

    async def connect(
        self,
        id: str | None = None,
        *,
        user: Any = None,
        props: Mapping[str, Any] | None = None,
        path: str = "",
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Client:
        """
        Open a connection; before-hooks are not run (they are class methods: call them).

        Args:
            id: The connection id; None: one is made, as for a client without one.
            user: The user; None: an anonymous one.
            props: What a before-hook would have passed on.
            path: What follows the room id, from the slash on.
            query: The query string.
            headers: Of the handshake.

        Returns:
            The client; look at ``closed`` if the room may have turned it away.

        Raises:
            ValueError: If no client can have this id.
        """
        if id is not None and (error := connection_id_error(id)):
            raise ValueError(f"{id!r:.64} is no connection id: {error}")
        user_id = user_id_of(user)
        path, _, parameters = path.partition("?")
        query = "&".join(filter(None, (parameters, query)))
        described = describe_request(
            self.key, path, query=query, headers=headers, user_id=user_id
        )
        request = http_request(described)
        request.user = AnonymousUser() if user is None else user
        profile = Profile(
            id=uuid4().hex if id is None else id,
            uri=request.get_full_path(),
            user_id=user_id,
        )
        audience = self._node.cluster.local_audience(self.key)
        client = Client(profile, self._worker, audience, self._node.rooms.sockets)
        await client.connect(ConnectionContext(request, _as_passed(props)))
        return client

    async def request(
        self,
        method: str,
        path: str = "/",
        *,
        props: Mapping[str, Any] | None = None,
        stream: bool = False,
        **body: Any,
    ) -> StubResponse:
        """
        Ask by HTTP with ``headers``, ``json``, ``data``, ``query``, ``user_id``.

        Args:
            method: In capitals.
            path: What follows the room id, from the slash on.
            props: What a before-hook would have passed on; none is run.
            stream: As in ``Stub.fetch``.
            body: The rest, as in ``Stub.fetch``; ``user_id`` is the user's key.
        """
        given = {"headers": None, "json": None, "data": None, "query": None} | body
        request: Any = build_request(self.key, path, method=method, **given)
        request.props = _as_passed(props)
        answer = await self._node.cluster.request(self.key, request)
        return await respond(answer, stream=stream)

    async def get(self, path: str = "/", **options: Any) -> StubResponse:
        """Ask with GET; see ``request``."""
        return await self.request("GET", path, **options)

    async def post(self, path: str = "/", **options: Any) -> StubResponse:
        """Ask with POST; see ``request``."""
        return await self.request("POST", path, **options)

    def other(self, room_class: type[Room], room_id: str = "test") -> "RunningRoom":
        """Another room, on the same server and with the same clock."""
        return RunningRoom(room_class, room_id, self._node, self._timeline)

    async def stored(self) -> dict[str, Any]:
        """Everything that is committed, as after a crash."""
        record, _ = self._store.tables.room(self.key)
        rows = await self._store.scan(record, Span())
        return {key.decode(): decode(value) for key, value in rows}

    async def hibernate(self) -> None:
        """
        Let the room leave memory while its connections stay open.

        Raises:
            RuntimeError: If its class does not say ``hibernate = True``: on a server
                such a room stays in memory.
        """
        if not registry.get(self.key.party).hibernate:
            raise RuntimeError(
                f"{self.key} does not hibernate: write hibernate = True in its class."
            )
        await self._worker.stop(None)
        await self._worker.until_idle()

    async def stop(self) -> None:
        """End the room's life as ``manage.py rooms stop`` does: sockets get 1012."""
        await self._worker.stop()
        await self._worker.until_idle()

    async def crash(self) -> None:
        """End the room's life as kill -9 of its process does; what is stored stays."""
        await self._worker.crash(MOVED)

    @property
    def alarm(self) -> datetime | None:
        """When the room's alarm is due next; None: it has none, or it was given up."""
        _, row = self._store.tables.room(self.key)
        if row.alarm is None or row.alarm.is_failed:
            return None
        return as_project(row.alarm.at)

    async def advance(self, **duration: float) -> None:
        """
        Let time pass, with what happens in it; takes what ``timedelta`` takes.

        Each alarm, timer and ``asyncio.sleep`` of background work comes at its time, in
        order, retries included, in all rooms that the test has to do with. Sleeps in
        tasks that background work itself starts are not moved.

        Raises:
            RuntimeError: If what is called asks for the next call now, without end.
        """
        await self._timeline.pass_time(timedelta(**duration).total_seconds())
        await self._worker.until_idle()


def _as_passed(props: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a room is given of a before-hook's props."""
    passed: dict[str, Any] = json.loads(json_text(dict(props or {})))
    return passed

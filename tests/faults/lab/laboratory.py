"""A whole deployment on this machine, with a proxy before each service."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from tempfile import mkstemp
from types import MappingProxyType
from typing import Any, TypeVar

from partyrooms.core.values import decode
from tests.faults.lab.clients import Client
from tests.faults.lab.crowd import Crowd, crowd, settle
from tests.faults.lab.history import History, Socket, Violation, find_violations
from tests.faults.lab.news import News
from tests.faults.lab.process import Process
from tests.faults.lab.proxy import proxy_to
from tests.faults.lab.services import (
    DATABASES,
    SETTINGS_MODULE,
    Database,
    Gateway,
    Member,
    Valkey,
    Worker,
)
from tests.servers.database import environment, folder

NewMember = TypeVar("NewMember", Gateway, Worker)

IS_LONG = os.environ.get("PARTYROOMS_CHAOS") == "long"
"""Whether experiments run as often, and as long, as it takes to trust them."""

SHORT_TIMES = {"HEARTBEAT_INTERVAL": 0.2, "LEASE_TTL": 1.5, "HIBERNATE_AFTER": 60}

LOG_LINES = 60

PUBSUB_LAYER = "channels_redis.pubsub.RedisPubSubChannelLayer"

DEPLOYMENT = {"gateways": 2, "workers": 2, "OWNERS": "workers", "layer": PUBSUB_LAYER}
"""Two gateways, two workers that own the rooms, and Valkey between them."""

OWNER = """
    SELECT node.pid FROM partyrooms_node node
    JOIN partyrooms_roomrecord room ON room.owner_id = node.id
    WHERE room.party = ? AND room.room_id = ?
"""

ENTRIES = """
    SELECT entry.key, entry.value FROM partyrooms_entry entry
    JOIN partyrooms_roomrecord room ON room.id = entry.room_id
    WHERE room.party = ? AND room.room_id = ? ORDER BY entry.key
"""


_numbers = count(1)


def new_room(party: str) -> str:
    """Name a room of a party that nobody has used, as in ``"ledger/1"``."""
    return f"{party}/{next(_numbers)}"


class Laboratory:
    """
    The processes of one deployment; ``laboratory()`` makes and ends them.

    Attributes:
        database: What they share.
        valkey: What carries messages; None: nothing does.
        env: What its processes are told, but for their ways.
        gateways: uvicorn processes.
        workers: ``runrooms`` processes.
        news: Spread whenever a client hears something.
    """

    def __init__(
        self,
        database: Database,
        layer: str | None,
        crons: Mapping[str, str],
        options: Mapping[str, Any],
    ) -> None:
        self.database = database
        self.news = News()
        self.valkey = Valkey() if layer else None
        self.gateways: list[Gateway] = []
        self.workers: list[Worker] = []
        descriptor, self._journal = mkstemp(suffix=".journal", dir=folder())
        os.close(descriptor)
        options = {**({} if IS_LONG else SHORT_TIMES), **options}
        self.env = {
            **environment(SETTINGS_MODULE, folder()),
            "PARTYROOMS_DB": database.name,
            "PARTYROOMS_LAYER": layer or "",
            "PARTYROOMS_OPTIONS": json.dumps(options),
            "PARTYROOMS_JOURNAL": self._journal,
            "PARTYROOMS_CRONS": json.dumps(dict(crons)),
        }

    @property
    def members(self) -> list[Member]:
        """Gateways and workers."""
        return [*self.workers, *self.gateways]

    @property
    def processes(self) -> list[Process]:
        """All of them."""
        return [*([self.valkey] if self.valkey else []), *self.members]

    def owner(self, room: str) -> Member:
        """The member that runs a room."""
        ((pid,),) = self.database.execute(OWNER, *room.split("/"))
        return next(member for member in self.members if member.pid == pid)

    def address(self, room: str, gateway: Gateway | None = None) -> str:
        """
        The URL of a room's sockets.

        Args:
            room: Party and room id, as in ``"ledger/one"``.
            gateway: By which process; None: by the first one.
        """
        port = (gateway or self.gateways[0]).port
        return f"ws://127.0.0.1:{port}/parties/{room}"

    @asynccontextmanager
    async def crowd(
        self,
        room: str,
        number: int = 4,
        gateways: Sequence[Gateway] | None = None,
        *,
        name: str = "client",
    ) -> AsyncIterator[Crowd]:
        """
        Connected clients for the block, one after the other at each gateway.

        Args:
            room: Party and room id.
            number: How many clients.
            gateways: Which ones they use; None: all.
            name: What their ids begin with; those of two crowds differ.
        """

        def address(client: int) -> str:
            ways = gateways or self.gateways
            return self.address(room, ways[client % len(ways)])

        async with crowd(number, address, name, self.news) as people:
            yield people

    async def verdict(self, room: str, *people: Crowd | Client) -> list[Violation]:
        """
        Let a room come to rest, and compare what its clients saw with what is stored.

        Args:
            room: Party and room id.
            people: Everybody who was ever connected to it.

        Raises:
            TimeoutError: If it does not come to rest, though nothing is wrong.
        """
        clients = [
            client
            for one in people
            for client in (one.clients if isinstance(one, Crowd) else [one])
        ]
        has_settled = await settle(clients)
        violations = find_violations(self.history(room, clients))
        if not has_settled and not violations:
            raise TimeoutError(f"{room} does not come to rest.")
        return violations

    def history(self, room: str, clients: Sequence[Client]) -> History:
        """What is known about a room, once nothing moves any more."""
        stored = None if room.startswith("volatile") else self.stored(room)
        visits = [visit for client in clients for visit in client.visits]
        return History(visits, self.handled(room), stored)

    def handled(self, room: str) -> list[Socket]:
        """What the room's owners noted."""
        with open(self._journal, encoding="utf-8") as file:
            notes = [json.loads(line) for line in file]
        return [Socket(*rest) for name, *rest in notes if name == room]

    def stored(self, room: str) -> list[Socket]:
        """What is in the database."""
        entries = self.entries(room)
        value = entries.pop("value", 0)
        lines = [
            Socket(int(key.removeprefix("op/")), *entry)
            for key, entry in entries.items()
        ]
        # Both were put in the same turn.
        assert value == (lines[-1].position if lines else 0)
        return lines

    def booked(self, room: str) -> list[tuple[int, str]]:
        """The project's rows of an atomic ledger: positions and ops."""
        rows = self.database.execute(
            "SELECT name FROM auth_group WHERE name LIKE ? ORDER BY name", f"{room} %"
        )
        words = [name.split(" ") for (name,) in rows]
        return [(int(position), op) for _, position, op in words]

    def entries(self, room: str) -> dict[str, Any]:
        """Every key with its value, in the order of the keys."""
        rows = self.database.execute(ENTRIES, *room.split("/"))
        return {bytes(key).decode(): decode(bytes(value)) for key, value in rows}

    def epoch(self, room: str) -> int:
        """How many ownership periods the room has had."""
        ((epoch,),) = self.database.execute(
            "SELECT epoch FROM partyrooms_roomrecord WHERE party = ? AND room_id = ?",
            *room.split("/"),
        )
        return int(epoch)

    @property
    def has_silent_connections(self) -> bool:
        """Whether an experiment has silenced connections of a member."""
        return any(
            way is not None and way.has_silenced
            for member in self.members
            for way in (member.to_database, member.to_valkey)
        )

    async def mend(self) -> None:
        """Heal every way and start what does not run."""
        for member in self.members:
            for way in (member.to_database, member.to_valkey):
                if way is not None:
                    way.heal()
        for kind in ([self.valkey] if self.valkey else []), self.members:
            ended = [process for process in kind if not process.is_running]
            await asyncio.gather(*(process.start() for process in ended))

    def remove(self) -> None:
        """Kill all processes, whatever state they are in."""
        for process in self.processes:
            process.remove()

    def print_logs(self) -> None:
        """What the processes had to say, for whoever looks for the reason."""
        for process in self.processes:
            print(f"--- {type(process).__name__}")  # noqa: T201
            print("\n".join(process.log[-LOG_LINES:]))  # noqa: T201

    async def add(self, kind: type[NewMember], stack: AsyncExitStack) -> NewMember:
        """
        Make a member, with proxies of its own, and do not start it.

        Args:
            kind: ``Gateway`` or ``Worker``.
            stack: Closes the proxies.
        """
        env, to_database, to_valkey = dict(self.env), None, None
        if self.database.target is not None:
            way = proxy_to(self.database.target)
            to_database = await stack.enter_async_context(way)
            env["PARTYROOMS_DB"] = self.database.through(to_database.port)
        if self.valkey is not None:
            to_valkey = await stack.enter_async_context(proxy_to(self.valkey.port))
            env["PARTYROOMS_REDIS"] = f"redis://127.0.0.1:{to_valkey.port}"
        member = kind(env)
        member.to_database, member.to_valkey = to_database, to_valkey
        return member


@asynccontextmanager
async def laboratory(
    database: str = "sqlite",
    *,
    gateways: int = 1,
    workers: int = 0,
    layer: str | None = None,
    crons: Mapping[str, str] = MappingProxyType({}),
    **options: Any,
) -> AsyncIterator[Laboratory]:
    """
    A deployment, running for the block.

    Args:
        database: ``"sqlite"`` or ``"postgres"``.
        gateways: How many uvicorn processes.
        workers: How many ``runrooms`` processes.
        layer: The dotted path of a channel layer on Valkey; None: no layer.
        crons: Those of the party ``clockwork``.
        options: What differs in the setting ``PARTYROOMS``.
    """
    lab = Laboratory(DATABASES[database](), layer, crons, options)
    async with AsyncExitStack() as stack:
        lab.workers = [await lab.add(Worker, stack) for _ in range(workers)]
        lab.gateways = [await lab.add(Gateway, stack) for _ in range(gateways)]
        try:
            await lab.mend()
            yield lab
        except BaseException:
            lab.print_logs()
            raise
        finally:
            lab.remove()

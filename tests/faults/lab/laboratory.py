"""A whole deployment on this machine, with a proxy before each service."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from tempfile import mkstemp
from typing import Any

from partyrooms.core.values import decode
from tests.faults.lab.crowd import Crowd, crowd
from tests.faults.lab.history import History, Line, Violation, find_violations
from tests.faults.lab.process import Process
from tests.faults.lab.proxy import FaultProxy, proxy_to
from tests.faults.lab.services import (
    DATABASES,
    SETTINGS_MODULE,
    Database,
    Gateway,
    Valkey,
    Worker,
)
from tests.servers.database import environment, folder

IS_LONG = os.environ.get("PARTYROOMS_CHAOS") == "long"
"""Whether experiments run as often, and as long, as it takes to trust them."""

SHORT_TIMES = {"HEARTBEAT_INTERVAL": 0.2, "LEASE_TTL": 1.5, "HIBERNATE_AFTER": 60}

LOG_LINES = 60

PUBSUB_LAYER = "channels_redis.pubsub.RedisPubSubChannelLayer"

ENTRIES = """
    SELECT entry.key, entry.value FROM partyrooms_entry entry
    JOIN partyrooms_roomrecord room ON room.id = entry.room_id
    WHERE room.party = ? AND room.room_id = ? ORDER BY entry.key
"""


class Laboratory:
    """
    The processes of one deployment; ``laboratory()`` makes and ends them.

    Attributes:
        database: What they share.
        database_proxy: Before the database; None: it is a file.
        valkey: What carries messages; None: nothing does.
        valkey_proxy: Before it.
        layer: The dotted path of the channel layer.
        gateways: uvicorn processes.
        workers: ``runrooms`` processes.
    """

    def __init__(self, database: Database, options: Mapping[str, Any]) -> None:
        self.database = database
        self.database_proxy: FaultProxy | None = None
        self.valkey: Valkey | None = None
        self.valkey_proxy: FaultProxy | None = None
        self.gateways: list[Gateway] = []
        self.workers: list[Worker] = []
        self.layer = ""
        descriptor, self._journal = mkstemp(suffix=".journal", dir=folder())
        os.close(descriptor)
        self._options = {**({} if IS_LONG else SHORT_TIMES), **options}

    @property
    def processes(self) -> list[Process]:
        """All of them."""
        services = [self.valkey] if self.valkey else []
        return [*services, *self.workers, *self.gateways]

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
        self, room: str, number: int = 4, gateways: Sequence[Gateway] | None = None
    ) -> AsyncIterator[Crowd]:
        """
        Connected clients for the block, one after the other at each gateway.

        Args:
            room: Party and room id.
            number: How many clients.
            gateways: Which ones they use; None: all.
        """

        def address(client: int) -> str:
            ways = gateways or self.gateways
            return self.address(room, ways[client % len(ways)])

        async with crowd(number, address) as people:
            yield people

    def violations(self, room: str, *crowds: Crowd) -> list[Violation]:
        """Compare what all clients of a room have seen with what is stored."""
        return find_violations(self.history(room, *crowds))

    def history(self, room: str, *crowds: Crowd) -> History:
        """What is known about a room, once nothing moves any more."""
        stored = None if room.startswith("volatile") else self.stored(room)
        visits = [visit for one in crowds for visit in one.visits]
        return History(visits, self.handled(room), stored)

    def handled(self, room: str) -> list[Line]:
        """What the room's owners noted."""
        with open(self._journal, encoding="utf-8") as file:
            notes = [json.loads(line) for line in file]
        return [Line(*rest) for name, *rest in notes if name == room]

    def stored(self, room: str) -> list[Line]:
        """What is in the database."""
        rows = self.database.execute(ENTRIES, *room.split("/"))
        entries = {bytes(key).decode(): decode(bytes(value)) for key, value in rows}
        value = entries.pop("value", 0)
        lines = [
            Line(int(key.removeprefix("op/")), *entry) for key, entry in entries.items()
        ]
        # Both were put in the same turn.
        assert value == (lines[-1].position if lines else 0)
        return lines

    def epoch(self, room: str) -> int:
        """How many ownership periods the room has had."""
        ((epoch,),) = self.database.execute(
            "SELECT epoch FROM partyrooms_roomrecord WHERE party = ? AND room_id = ?",
            *room.split("/"),
        )
        return int(epoch)

    def print_logs(self) -> None:
        """What the processes had to say, for whoever looks for the reason."""
        for process in self.processes:
            print(f"--- {type(process).__name__}")  # noqa: T201
            print("\n".join(process.log[-LOG_LINES:]))  # noqa: T201

    def environment(self) -> dict[str, str]:
        """What the processes need to know."""
        name = self.database.name
        if self.database_proxy is not None:
            name = self.database.through(self.database_proxy.port)
        env = {
            **environment(SETTINGS_MODULE, folder()),
            "PARTYROOMS_DB": name,
            "PARTYROOMS_OPTIONS": json.dumps(self._options),
            "PARTYROOMS_JOURNAL": self._journal,
        }
        if self.valkey_proxy is not None:
            env["PARTYROOMS_REDIS"] = f"redis://127.0.0.1:{self.valkey_proxy.port}"
            env["PARTYROOMS_LAYER"] = self.layer
        return env


@asynccontextmanager
async def laboratory(
    database: str = "sqlite",
    *,
    gateways: int = 1,
    workers: int = 0,
    layer: str | None = None,
    **options: Any,
) -> AsyncIterator[Laboratory]:
    """
    A deployment, running for the block.

    Args:
        database: ``"sqlite"`` or ``"postgres"``.
        gateways: How many uvicorn processes.
        workers: How many ``runrooms`` processes.
        layer: The dotted path of a channel layer on Valkey; None: no layer.
        options: What differs in the setting ``PARTYROOMS``.
    """
    lab = Laboratory(DATABASES[database](), options)
    async with AsyncExitStack() as stack:
        if lab.database.target is not None:
            lab.database_proxy = await stack.enter_async_context(
                proxy_to(lab.database.target)
            )
        if layer is not None:
            lab.valkey = Valkey()
            lab.valkey_proxy = await stack.enter_async_context(
                proxy_to(lab.valkey.port)
            )
            lab.layer = layer
        env = lab.environment()
        lab.workers = [Worker(env) for _ in range(workers)]
        lab.gateways = [Gateway(env) for _ in range(gateways)]
        try:
            if lab.valkey is not None:
                await lab.valkey.start()
            members = [*lab.workers, *lab.gateways]
            await asyncio.gather(*(process.start() for process in members))
            yield lab
        except BaseException:
            lab.print_logs()
            raise
        finally:
            for process in lab.processes:
                process.remove()

"""The workers of one node, by room."""

import asyncio
from collections.abc import Iterable
from weakref import WeakValueDictionary

from partyrooms.core.keys import RoomKey
from partyrooms.delivery.socket_table import SocketTable
from partyrooms.runtime.cluster_port import Cluster
from partyrooms.runtime.environment import Environment
from partyrooms.runtime.lifecycle import STOPPED
from partyrooms.runtime.sweeps import Sweeps
from partyrooms.runtime.worker import Worker

MAX_SWEEP_INTERVAL = 1.0
"""Seconds between two looks at hooks that run too long and rooms that are idle."""


class RoomTable:
    """
    Makes the worker of each room when it is first asked for.

    Attributes:
        busy: The workers whose rooms are in memory, or on the way there.
        sockets: Those of this process's gateways, whose rooms may be elsewhere.
        cluster: Where the rooms' sockets are; set once, before the first worker.

    Args:
        environment: What the rooms share.
    """

    cluster: Cluster

    def __init__(self, environment: Environment) -> None:
        self._sweeps: Sweeps[Worker] = Sweeps()
        self.busy = self._sweeps.busy
        self.sockets = SocketTable()
        self._environment = environment
        self._kept: set[Worker] = set()
        self._workers: WeakValueDictionary[RoomKey, Worker] = WeakValueDictionary()

    def worker(self, key: RoomKey) -> Worker:
        """
        The one worker of a room.

        It lives while it runs the room, or while somebody holds it; until then this
        gives the same one.
        """
        worker = self._workers.get(key)
        if worker is None:
            worker = self._workers[key] = Worker(
                key,
                self._environment,
                self.cluster,
                sweeps=self._sweeps,
                kept=self._kept,
            )
        return worker

    def sweep(self) -> None:
        """Cancel hooks that run too long, and let idle rooms leave memory."""
        lease = self._environment.lease
        if lease.has_lapsed and lease.holds():
            lease.has_lapsed = False
            for worker in tuple(self.busy):
                if worker.life is not None:
                    worker.life.gate.release()
        self._sweeps.run(self._environment.clock())

    async def keep_sweeping(self) -> None:
        """Sweep until cancelled."""
        settings = self._environment.settings
        interval = min(
            MAX_SWEEP_INTERVAL,
            settings.hook_timeout / 4,
            settings.idle_timeout / 4,
            settings.hibernate_after / 4,
        )
        while True:
            await asyncio.sleep(interval)
            self.sweep()

    def stop_records(self, records: Iterable[int]) -> None:
        """Stop the rooms with these primary keys: somebody asked for it."""
        wanted = set(records)
        for worker in tuple(self.busy):
            if worker.life is not None and worker.life.claim.record in wanted:
                self._environment.spawn(worker.stop(STOPPED))

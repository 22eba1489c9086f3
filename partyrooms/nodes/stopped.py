"""Processes of this machine that stand still with a lock that everybody needs."""

import logging
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

from partyrooms.models import Node
from partyrooms.nodes.process import host, is_process_stopped

logger = logging.getLogger("partyrooms.nodes")


class StoppedProcesses:
    """
    Kills processes that have been stopped for a lease: one may have the file's lock.

    Only for SQLite, where such a lock keeps everybody from writing for ever. Those that
    are silent only are let live: while the file is locked nobody can renew.

    Args:
        lease_ttl: Seconds that a process may be stopped.
        distrust_after: Seconds between two looks after which this process was away
            itself, and starts to watch anew.
    """

    def __init__(self, *, lease_ttl: float, distrust_after: float) -> None:
        self._lease_ttl = lease_ttl
        self._distrust_after = distrust_after
        self._others: list[Node] = []
        self._since: dict[UUID, float] = {}
        # Of those, as their rows said once they had been seen to be stopped.
        self._heartbeats: dict[UUID, int] = {}
        self._looked_at: float | None = None

    def know(self, others: Iterable[Node]) -> None:
        """
        Say which other nodes there are, by their rows, just read.

        For one that has renewed since it was seen to be stopped the time counts anew.
        """
        self._others = [node for node in others if node.host == host()]
        for node in self._others:
            if node.pk not in self._since:
                continue
            if self._heartbeats.setdefault(node.pk, node.heartbeat) != node.heartbeat:
                del self._since[node.pk], self._heartbeats[node.pk]

    def look(self, now: float) -> bool:
        """
        Look at each process and kill those whose time is over.

        Args:
            now: This process's clock, in seconds; it must count suspended time.

        Returns:
            Whether one was not seen to be stopped before; its row is to be read now.
        """
        before = self._since
        if self._looked_at is None or now - self._looked_at > self._distrust_after:
            before = {}
        self._looked_at = now
        stopped = [
            node
            for node in self._others
            if is_process_stopped(node.pid, node.pid_started)
        ]
        self._since = {node.pk: before.get(node.pk, now) for node in stopped}
        known = before.keys() & self._since.keys() & self._heartbeats.keys()
        self._heartbeats = {pk: self._heartbeats[pk] for pk in known}
        for node in stopped:
            if now - self._since[node.pk] >= self._lease_ttl:
                end_process(node)
        return not self._since.keys() <= before.keys()


def end_process(node: Node) -> None:
    """Kill a stopped process of this machine."""
    logger.error(
        "Process %d (node %s) was stopped for LEASE_TTL and is killed: it may hold the "
        "database's lock",
        node.pid,
        node.pk,
        extra={"action": "stopped_killed"},
    )
    with suppress(ProcessLookupError, PermissionError):
        os.kill(node.pid, signal.SIGKILL)

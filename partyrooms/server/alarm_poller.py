"""Rings the alarms of rooms when they are due: two small queries, twice a second."""

import asyncio
import logging
import random
from datetime import datetime, timedelta

from partyrooms import registry
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import StoreUnavailable
from partyrooms.ports.records import DueAlarm
from partyrooms.runtime.embedded import is_spare
from partyrooms.server.node import Node
from partyrooms.timezones import from_seconds

logger = logging.getLogger("partyrooms.runtime")

MIN_INTERVAL, MAX_INTERVAL = 0.4, 0.6
"""Seconds between two looks. By chance, so that processes look at different moments:
the first one that looks takes the room, and the others do not find it any more."""

AHEAD = timedelta(seconds=MAX_INTERVAL)
"""How early the alarms of own rooms are found, to be rung on time."""

CAPACITY = 200
"""Alarms that are under way; the others wait in the table."""

BACKLOG_INTERVAL = 0.05
"""Seconds until the next look when there were more than could be taken."""


class AlarmPoller:
    """
    Wakes rooms, in the name of one node.

    Args:
        node: Whose rooms, and whose way to the others.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._environment = node.environment
        self._ringing: dict[RoomKey, asyncio.Task[None]] = {}
        self._is_blind = False
        self._is_enrolled = False

    async def keep_polling(self) -> None:
        """Look and ring until cancelled."""
        while True:
            is_full = await self._look()
            pause = random.uniform(MIN_INTERVAL, MAX_INTERVAL)  # noqa: S311
            await asyncio.sleep(BACKLOG_INTERVAL if is_full else pause)

    async def _look(self) -> bool:
        """Ring what is due; whether there may be more."""
        node = self._node
        if not node.is_serving:
            return False
        if len(self._ringing) == CAPACITY:
            return True
        now = from_seconds(self._environment.wall_clock())
        try:
            found = [] if await is_spare(self._environment) else await self._find(now)
        except Exception as error:  # whatever it is, the next look may go well
            self._cannot_see(error)
            return False
        self._is_blind = False
        for due in found:
            if due.key in self._ringing or not (due.is_own or due.at <= now):
                continue
            if len(self._ringing) == CAPACITY:
                return True
            self._ringing[due.key] = node.spawn(self._ring(due))
        return False

    async def _find(self, now: datetime) -> list[DueAlarm]:
        store = self._node.store
        if not self._is_enrolled:
            # Only a node that others know finds out which of them are dead.
            await store.enroll()
            self._is_enrolled = True
        parties = registry.names()
        limit = 2 * CAPACITY  # Those that are under way are found, too.
        due = await store.due_alarms(now + AHEAD, now=now, parties=parties, limit=limit)
        # A room whose gateway died while it slept is woken like one whose alarm is due:
        # it calls on_close before anything else.
        woken = await store.deserted(now=now, parties=parties, limit=limit)
        return [*due, *(DueAlarm(key=key, at=now, is_own=False) for key in woken)]

    async def _ring(self, due: DueAlarm) -> None:
        node = self._node
        try:
            early = due.at.timestamp() - self._environment.wall_clock()
            # The clock may have been set back since it was found.
            await asyncio.sleep(min(max(0.0, early), MAX_INTERVAL))
            await node.cluster.inbox(due.key).alarm_due(due.at)
        except Exception as error:
            # The room, or its worker, has logged it. The alarm is in the table: it is
            # found again.
            logger.debug(
                "%s was not rung: %r",
                due.key,
                error,
                extra={"action": "ring_failed", "room": str(due.key)},
            )
        finally:
            del self._ringing[due.key]

    def _cannot_see(self, error: Exception) -> None:
        if self._is_blind:
            return
        self._is_blind = True
        is_known = isinstance(error, StoreUnavailable)
        logger.log(
            logging.WARNING if is_known else logging.ERROR,
            "Alarms do not ring, for due ones cannot be found: %s",
            error,
            exc_info=None if is_known else error,
            extra={"action": "alarms_not_found"},
        )

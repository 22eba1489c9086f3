"""The search for a room's owner: again and again, but not for ever."""

import asyncio
import logging
from collections.abc import Callable

from partyrooms.cluster.context import Context
from partyrooms.cluster.link import Link
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomUnreachable, StoreUnavailable
from partyrooms.runtime.worker import Worker

logger = logging.getLogger("partyrooms.cluster")

SEARCH_DELAYS = (0.0, 0.05, 0.1, 0.2, 0.5)
"""Seconds before another look for an owner; the last one again and again."""

SEARCH_TIME = 15.0
"""Seconds after which events that find no owner are given up."""


async def look_for_owner(
    key: RoomKey,
    context: Context,
    *,
    is_over: Callable[[], bool],
    on_found: Callable[[Worker | Link], None],
    on_failed: Callable[[Exception], None],
    refusals: int,
) -> None:
    """
    Look for a room's owner until there is one.

    Args:
        key: The room.
        context: This process's.
        is_over: Whether an owner is known by now.
        on_found: Called with the owner, unless one is known by then; the search goes
            on if it knows none afterwards.
        on_failed: Called with the last error after ``SEARCH_TIME``, as the last thing.
        refusals: How many owners were found that are none: begin with longer delays.
    """
    clock = context.environment.clock
    started_at = clock()
    delays = list(SEARCH_DELAYS[min(refusals, len(SEARCH_DELAYS) - 1) :])
    while not is_over():
        await asyncio.sleep(delays.pop(0) if len(delays) > 1 else delays[0])
        failure: Exception | None = None
        try:
            owner = await context.placement.choose(key)
        except (StoreUnavailable, RoomUnreachable) as error:
            failure = error
        # Meanwhile an owner may have asked for the route, and been joined: a second
        # join would find a life that has begun, and its sockets would be closed.
        if is_over():
            return
        if failure is None:
            on_found(owner)
        elif clock() - started_at > SEARCH_TIME:
            logger.warning(
                "%s has no owner: %s",
                key,
                failure,
                extra={"action": "no_owner", "room": str(key)},
            )
            on_failed(failure)
            return

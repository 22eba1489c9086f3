"""``on_commit=True``: what waits for the database transaction of the calling code."""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.db import DEFAULT_DB_ALIAS, transaction

from partyrooms.core.keys import RoomKey
from partyrooms.ports.host import RunningNode, get_host
from partyrooms.runtime.turn import block, current

logger = logging.getLogger("partyrooms.parties")

OnCommit = bool | str
"""``False``: at once. ``True``: after the transaction on the database ``default``; a
string: on the database with this alias."""


async def after_commit(
    call: str, key: RoomKey, send: Callable[[], Awaitable[object]], on_commit: OnCommit
) -> None:
    """
    Do something when the caller's transaction has committed; never, if it rolls back.

    Without a transaction it is done now. Whoever asked may not be there any more to
    hear of an error: it is logged. A hook does not wait for a room that waits for the
    hook itself, and nobody does inside ``storage.atomic()``: that is a later event.

    Args:
        call: What is called, for the log.
        key: Of which room.
        send: Does it.
        on_commit: Which database's transaction.

    Raises:
        TransactionManagementError: If there is neither autocommit nor ``atomic()``.
        ConnectionDoesNotExist: If no database has the alias.
    """
    turn = current.get()
    is_needed_here = turn is not None and turn.is_open and str(key) in turn.chain
    waits_for_nobody = is_needed_here or block.get() is not None

    async def attempt() -> None:
        try:
            await send()
        except Exception:
            logger.exception(
                "%s() of %s failed, which waited for a commit",
                call,
                key,
                extra={"action": "on_commit_failed"},
            )

    async def begin() -> None:
        if waits_for_nobody:
            await get_host().run(_in_background(attempt))
            return
        # Wherever the commit is: rooms that wait for this one must be known there.
        current.set(turn)
        await attempt()

    alias = DEFAULT_DB_ALIAS if on_commit is True else str(on_commit)
    # A transaction belongs to the thread of the sync code that has begun it.
    waits = await sync_to_async(_wait)(async_to_sync(begin), alias)
    if not waits:
        await begin()


def _in_background(
    attempt: Callable[[], Coroutine[Any, Any, None]],
) -> Callable[[RunningNode], Awaitable[None]]:
    async def work(node: RunningNode) -> None:
        # In an empty context: it is part of no turn, block or transaction.
        node.spawn(attempt(), context=Context())

    return work


def _wait(run: Callable[[], None], alias: str) -> bool:
    """Have Django run it after the commit; False: there is nothing to wait for."""
    connection = transaction.get_connection(alias)
    is_open = connection.connection is not None
    if connection.in_atomic_block or (is_open and not connection.get_autocommit()):
        transaction.on_commit(run, using=alias)
        return True
    return False

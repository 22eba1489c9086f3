"""``on_commit=True``: what waits for the database transaction of the calling code."""

import logging
from collections.abc import Awaitable, Callable

from asgiref.sync import async_to_sync, sync_to_async
from django.db import DEFAULT_DB_ALIAS, transaction

from partyrooms.runtime.turn import current

logger = logging.getLogger("partyrooms.parties")

OnCommit = bool | str
"""``False``: at once. ``True``: after the transaction on the database ``default``; a
string: on the database with this alias."""


async def after_commit(
    what: str, send: Callable[[], Awaitable[object]], on_commit: OnCommit
) -> None:
    """
    Do something when the caller's transaction has committed; never, if it rolls back.

    Without a transaction it is done now. Whoever asked may not be there any more to
    hear of an error: it is logged.

    Args:
        what: In a few words, for the log.
        send: Does it.
        on_commit: Which database's transaction.

    Raises:
        TransactionManagementError: If there is neither autocommit nor ``atomic()``.
        ConnectionDoesNotExist: If no database has the alias.
    """
    turn = current.get()

    async def attempt() -> None:
        # Wherever the commit is: a room must not wait for itself behind its own.
        current.set(turn)
        try:
            await send()
        except Exception:
            logger.exception(
                "%s failed, which waited for a commit",
                what,
                extra={"action": "on_commit_failed"},
            )

    alias = DEFAULT_DB_ALIAS if on_commit is True else str(on_commit)
    # A transaction belongs to the thread of the sync code that has begun it.
    waits = await sync_to_async(_wait)(async_to_sync(attempt), alias)
    if not waits:
        await attempt()


def _wait(run: Callable[[], None], alias: str) -> bool:
    """Have Django run it after the commit; False: there is nothing to wait for."""
    connection = transaction.get_connection(alias)
    is_open = connection.connection is not None
    if connection.in_atomic_block or (is_open and not connection.get_autocommit()):
        transaction.on_commit(run, using=alias)
        return True
    return False

"""When the tables are emptied under the rooms of this process, as after a test."""

import asyncio
import sys
from typing import Any

from partyrooms.conf import get_settings
from partyrooms.models import Node as NodeRow
from partyrooms.server.node import Node
from partyrooms.store.database import DatabaseStore

PATIENCE = 10.0
"""Seconds for rooms that own nothing any more to end."""


def leave_emptied_database(*, using: str, **kwargs: Any) -> None:
    """
    Let go of all rooms whose database was emptied, for the next event to start anew.

    ``flush``, which ends each of Django's ``TransactionTestCase``s, sends
    ``post_migrate``. Without this the next test would meet the rooms of the one before,
    which can store nothing any more.
    """
    # Where it was never imported no room runs; and it asks more of a project (users,
    # content types) than the tables alone do.
    module = sys.modules.get("partyrooms.server.nodes")
    if module is None or using != get_settings().database:
        return
    for loop, node in module.nodes():
        if loop.is_closed() or not _was_emptied(node, using):
            continue
        if loop.is_running():
            asyncio.run_coroutine_threadsafe(_let_go(node), loop).result(PATIENCE)
        else:  # a loop that a test runner keeps for its next test
            loop.call_soon_threadsafe(node.lose)


async def _let_go(node: Node) -> None:
    await node.lose()


def _was_emptied(node: Node, database: str) -> bool:
    if not isinstance(node.store, DatabaseStore):
        return False
    return not NodeRow.objects.using(database).filter(pk=node.name).exists()

"""Which nodes are certainly dead, and how the others get to know it."""

import asyncio
import os
from uuid import UUID

from partyrooms.models import Node
from partyrooms.nodes.process import host, is_process_gone, start_mark

_here: dict[UUID, asyncio.AbstractEventLoop | None] = {}
"""
The nodes of this process that are open, with their loops; None: made without one.

The process id does not tell: it stays when one loop ends and another one begins.
"""


def opened(node: UUID) -> asyncio.AbstractEventLoop | None:
    """Say that a node of this process begins, and get the loop it lives on."""
    try:
        _here[node] = asyncio.get_running_loop()
    except RuntimeError:
        _here[node] = None
    return _here[node]


def closed(node: UUID) -> None:
    """Say that a node of this process has ended."""
    _here.pop(node, None)


def is_gone(node: Node) -> bool:
    """
    Whether a node is certainly dead, whatever its row says; False when in doubt.

    Only a node of this host can be told: its process is gone, or it is this process
    and the node's event loop is closed.
    """
    if node.host != host():
        return False
    if node.pid == os.getpid() and node.pid_started == start_mark(node.pid):
        if node.pk not in _here:
            return True
        loop = _here[node.pk]
        return loop is not None and loop.is_closed()
    return is_process_gone(node.pid, node.pid_started)


def is_live(node: Node | None) -> bool:
    """Whether a room with this owner may be running: it is not known to be dead."""
    return node is not None and node.state == Node.State.ALIVE and not is_gone(node)


def declare_dead(node: Node, *, database: str) -> bool:
    """Mark a node dead, unless it has renewed its row since it was read."""
    row = Node.objects.using(database).filter(
        pk=node.pk, heartbeat=node.heartbeat, state=Node.State.ALIVE
    )
    return row.update(state=Node.State.DEAD) == 1

"""Which event loops of this process have a node."""

import asyncio
import os
from weakref import WeakKeyDictionary

from partyrooms.server.node import Node

_nodes: WeakKeyDictionary[asyncio.AbstractEventLoop, Node] = WeakKeyDictionary()


def existing_node() -> Node | None:
    """The running event loop's node; None: it has none, or has lost it."""
    node = _nodes.get(asyncio.get_running_loop())
    return None if node is None or node.is_over else node


def use_node(node: Node | None) -> None:
    """Make a node the running event loop's, or let it have none."""
    loop = asyncio.get_running_loop()
    if node is None:
        _nodes.pop(loop, None)
    else:
        _nodes[loop] = node


def nodes() -> list[tuple[asyncio.AbstractEventLoop, Node]]:
    """The nodes of this process, each with its event loop; call it from any thread."""
    loops = [loop for one in _nodes.keyrefs() if (loop := one()) is not None]
    found = [(loop, _nodes.get(loop)) for loop in loops]
    return [(loop, node) for loop, node in found if node and not node.is_over]


if hasattr(os, "register_at_fork"):
    # A fork has none of its parent's threads: no event loop runs there.
    os.register_at_fork(after_in_child=_nodes.clear)

"""Which event loops of this process have a node."""

import asyncio
import os
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from partyrooms.server.node import Node

_nodes: "WeakKeyDictionary[asyncio.AbstractEventLoop, Node]" = WeakKeyDictionary()


def existing_node() -> "Node | None":
    """The running event loop's node; None: no event has needed one yet."""
    return _nodes.get(asyncio.get_running_loop())


def use_node(node: "Node | None") -> None:
    """Make a node the running event loop's, or let it have none."""
    loop = asyncio.get_running_loop()
    if node is None:
        _nodes.pop(loop, None)
    else:
        _nodes[loop] = node


def forget_node(node: "Node", loop: asyncio.AbstractEventLoop) -> None:
    """Let an event loop have none any more, if it is this one that it has."""
    if _nodes.get(loop) is node:
        del _nodes[loop]


def nodes() -> "list[tuple[asyncio.AbstractEventLoop, Node]]":
    """The nodes of this process, each with its event loop; call it from any thread."""
    loops = [loop for one in _nodes.keyrefs() if (loop := one()) is not None]
    return [(loop, node) for loop in loops if (node := _nodes.get(loop)) is not None]


if hasattr(os, "register_at_fork"):
    # A fork has none of its parent's threads: no event loop runs there.
    os.register_at_fork(after_in_child=_nodes.clear)

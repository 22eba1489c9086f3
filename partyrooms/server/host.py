"""
On which event loop this process has its rooms, for code that runs on any other one.

A server's loop lasts, and so do the rooms on it. But sync code reaches rooms through
``async_to_sync``, which in a thread of its own (a task queue's, a command's, a WSGI
server's) makes an event loop for each call: a room there would end with the call, and
the links to other processes with it. So such code works with the loop of the process's
server, or of whatever else has rooms in this process; where there is neither, with a
loop in a thread that lasts as long as the process.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from threading import Lock, Thread
from typing import TypeVar
from weakref import WeakSet

from partyrooms.server.node import Node
from partyrooms.server.nodes import existing_node, nodes
from partyrooms.server.start import start_node

Result = TypeVar("Result")
Loop = asyncio.AbstractEventLoop

_serving: WeakSet[Loop] = WeakSet()
_background: Loop | None = None
_starting = Lock()


def serve_here() -> Loop:
    """Say that the running event loop is a server's."""
    loop = asyncio.get_running_loop()
    _serving.add(loop)
    return loop


def host_loop() -> Loop:
    """The event loop where this process has its rooms; one is started if need be."""
    with_nodes = [loop for loop, _ in nodes()]
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        if here in with_nodes or here in _serving:
            return here
    for loop in (*_serving, *with_nodes):
        if loop.is_running() and loop is not _background:
            return loop
    return background_loop()


async def run_on(loop: Loop, work: Callable[[], Awaitable[Result]]) -> Result:
    """Await something on another event loop, or on this one."""
    if loop is asyncio.get_running_loop():
        return await work()

    async def there() -> Result:
        return await work()

    # It takes the context along: who waits for whom is known there as well.
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there(), loop))


def node_here() -> Node:
    """The running event loop's node; a guest's, if this process serves nobody."""
    is_embedded = asyncio.get_running_loop() not in _serving
    return existing_node() or start_node(is_embedded=is_embedded)


class ProcessHost:
    """This process's ``Host``."""

    def loop(self) -> Loop:
        return host_loop()

    def node(self) -> Node:
        return node_here()

    async def run(self, work: Callable[[Node], Awaitable[Result]]) -> Result:
        return await run_on(host_loop(), lambda: work(node_here()))

    async def run_on(self, loop: Loop, work: Callable[[], Awaitable[Result]]) -> Result:
        return await run_on(loop, work)


host = ProcessHost()


def background_loop() -> Loop:
    """The loop in a thread; started with the first call, ended with the process."""
    global _background
    with _starting:
        if _background is None:
            loop = _background = asyncio.new_event_loop()
            # No farewell: Python ends the threads of the database first. What anyone
            # saw is committed, and others see by the pid that this process has ended.
            thread = Thread(target=loop.run_forever, name="partyrooms-rooms")
            thread.daemon = True
            thread.start()
        return _background


def _forget() -> None:
    """A fork has none of its parent's threads: no loop runs here."""
    global _background, _starting
    _starting = Lock()
    _background = None
    _serving.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)

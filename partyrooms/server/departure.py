"""
SIGTERM to a web process: rooms are handed over, then sockets are closed bit by bit.

An ASGI server closes all sockets at the same instant and tells the application only
afterwards; then every client comes back at the same instant too. So the signal is taken
before the server hears of it, and given to it when the sockets are gone.
"""

import asyncio
import logging
import os
import random
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from partyrooms.server.giving_away import duration_of
from partyrooms.server.node import GOING_AWAY, Node
from partyrooms.server.nodes import existing_node

logger = logging.getLogger("partyrooms.asgi")

SIGNALS = (signal.SIGTERM, signal.SIGINT)

BATCH_INTERVAL = 0.05
"""Seconds between two batches of closes."""

Handler = Callable[[int, FrameType | None], Any]


class Departure:
    """
    Stands before a server's own signal handlers; a second signal ends the process.

    Use it on the main thread, once the server has set its handlers.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._handlers: dict[int, Handler] = {}
        self._task: asyncio.Task[None] | None = None
        self._loop_wakeup = -1

    def install(self) -> None:
        """Take the signals, where a server has handlers of its own for them."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler) and handler is not signal.default_int_handler:
                self._handlers[number] = handler
                signal.signal(number, self._signalled)
        if self._handlers:
            self._take_from_loop()

    def _take_from_loop(self) -> None:
        # granian's handlers are the loop's, which reads the numbers of signals from a
        # socket of its own: they go through one of ours first.
        numbers, wakeup = socket.socketpair()
        numbers.setblocking(False)
        wakeup.setblocking(False)
        self._loop_wakeup = signal.set_wakeup_fd(wakeup.fileno())
        if self._loop_wakeup == -1:
            signal.set_wakeup_fd(-1)
            numbers.close()
            wakeup.close()
            return
        self._wakeup = wakeup  # kept open
        self._loop.add_reader(numbers, self._pass_on, numbers)

    def _pass_on(self, numbers: socket.socket) -> None:
        others = bytes(one for one in numbers.recv(4096) if one not in self._handlers)
        if others:
            os.write(self._loop_wakeup, others)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        for one in self._handlers:
            # Whoever insists is obeyed, whatever a room or the server waits for.
            signal.signal(one, signal.SIG_DFL)
        self._loop.call_soon_threadsafe(self._begin, number)

    def _begin(self, number: int) -> None:
        self._task = self._loop.create_task(self._depart(number))

    async def _depart(self, number: int) -> None:
        try:
            node = existing_node()
            if node is not None:
                await leave(node)
        except Exception:
            logger.exception(
                "The sockets of this process did not leave in order",
                extra={"action": "departure_failed"},
            )
        finally:
            self._handlers[number](number, None)
            if self._loop_wakeup != -1:
                os.write(self._loop_wakeup, bytes([number]))


async def leave(node: Node) -> None:
    """
    Give the node's rooms away, close its sockets with 1012 bit by bit, cut its streams.

    A server waits for its HTTP responses to end, and a stream need not have an end.
    """
    node.is_leaving = True
    if node.cluster.has_peers:
        await node.drain()
    sockets = [one for one in node.rooms.sockets if not one.is_gone]
    random.shuffle(sockets)
    logger.info(
        "%d sockets are closed, then this process ends",
        len(sockets),
        extra={"action": "departure", "sockets": len(sockets)},
    )
    batches = max(1, round(duration_of(len(sockets)) / BATCH_INTERVAL))
    for start in range(batches):
        for one in sockets[start::batches]:
            one.close(GOING_AWAY)
        if start + 1 < batches:
            await asyncio.sleep(BATCH_INTERVAL)
    for reader in tuple(node.stream_readers):
        reader.cut()
    await asyncio.gather(*(socket.flush() for socket in sockets))

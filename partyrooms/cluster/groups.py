"""The layer's groups: whether this process is in one, and what is sent to one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from partyrooms.cluster.link import Link, Publish, Spawn
from partyrooms.core.wire.codec import NumberedMessage, Positions

logger = logging.getLogger("partyrooms.cluster")


class GroupMembership:
    """
    Whether this process is in one group: changes reach the layer one by one, in order.

    Args:
        change: Joins the group or leaves it; it does not raise.
        spawn: Starts a task that the cluster owns.
    """

    def __init__(self, change: Callable[[bool], Awaitable[None]], spawn: Spawn) -> None:
        self._change = change
        self._spawn = spawn
        self._is_wanted = False
        self._is_stale = False
        self._task: asyncio.Task[None] | None = None

    def wanted(self, is_wanted: bool) -> None:
        """Join, or leave."""
        if is_wanted != self._is_wanted:
            self._is_wanted = is_wanted
            self._begin()

    def renew(self) -> None:
        """Join again, if joined: a layer forgets members."""
        if self._is_wanted:
            self._begin()

    def _begin(self) -> None:
        self._is_stale = True
        if self._task is None:
            self._task = self._spawn(self._keep_up())

    async def _keep_up(self) -> None:
        while self._is_stale:
            self._is_stale = False
            await self._change(self._is_wanted)
        self._task = None


class GroupSender:
    """
    Sends to one group; what comes while an envelope is under way is gathered.

    Args:
        publish: Sends an envelope to the group.
        spawn: Starts a task that the cluster owns.
    """

    def __init__(self, publish: Publish, spawn: Spawn) -> None:
        self._publish = publish
        self._spawn = spawn
        self._queue: list[tuple[list[tuple[Link, int, int]], bytes]] = []
        self._task: asyncio.Task[None] | None = None

    def send(self, message: bytes, links: list[Link]) -> None:
        """Put a message on each link, and into the next envelope."""
        numbered = [(link, link.generation, link.number(message)) for link in links]
        self._queue.append((numbered, message))
        if self._task is None:
            self._task = self._spawn(self._send_queue())

    async def _send_queue(self) -> None:
        while self._queue:
            try:
                await self._publish(*self._take())
            except Exception as error:
                # The messages are on the links: each comes again over its own.
                logger.warning(
                    "The channel layer refused a message to a group: %r",
                    error,
                    extra={"action": "publish_failed"},
                )
        self._task = None

    def _take(self) -> tuple[Positions, list[NumberedMessage]]:
        queue, self._queue = self._queue, []
        positions: Positions = {}
        messages: list[NumberedMessage] = []
        for numbered, message in queue:
            # A number of a link that was given up since then means nothing.
            current = [one for one in numbered if one[0].generation == one[1]]
            positions.update((link.node, link.position) for link, _, _ in current)
            numbers = {link.node: number for link, _, number in current}
            messages.append((numbers, message))
        return positions, messages

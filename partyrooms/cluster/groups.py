"""The layer's groups: whether this process is in one, and what is sent to one."""

import asyncio
import logging
from typing import TYPE_CHECKING

from partyrooms.cluster.link import Link
from partyrooms.core.wire import FORMAT, Envelope, encode_envelope

if TYPE_CHECKING:
    from partyrooms.cluster.transport import Transport

logger = logging.getLogger("partyrooms.cluster")

Numbered = tuple[Link, int, int]
"""A peer, its link's generation, and a message's number on it."""


class GroupMembership:
    """
    Whether this process is in one group: changes reach the layer one by one, in order.

    Args:
        transport: Whose channel.
        group: Which one.
    """

    def __init__(self, transport: "Transport", group: str) -> None:
        self._transport = transport
        self._group = group
        self._is_wanted = False
        self._is_stale = False
        self._task: asyncio.Task[None] | None = None

    def wanted(self, is_wanted: bool) -> None:
        """Join, or leave."""
        if is_wanted != self._is_wanted:
            self._is_wanted = is_wanted
            self._is_stale = True
            self._change()

    def renew(self) -> None:
        """Join again, if joined."""
        if self._is_wanted:
            self._is_stale = True
            self._change()

    def _change(self) -> None:
        if self._task is None:
            self._task = self._transport.spawn(self._resolve())

    async def _resolve(self) -> None:
        while self._is_stale:
            self._is_stale = False
            await self._transport.set_membership(self._group, member=self._is_wanted)
        self._task = None


class GroupPost:
    """What is on its way to one group: gathered while a message is under way."""

    def __init__(self, transport: "Transport", group: str) -> None:
        self._transport = transport
        self._group = group
        self._queue: list[tuple[list[Numbered], bytes]] = []
        self._task: asyncio.Task[None] | None = None

    def send(self, message: bytes, links: list[Link]) -> None:
        """Put a message on each peer's link and send it with the next message."""
        numbered = [(link, link.generation, link.number(message)) for link in links]
        self._queue.append((numbered, message))
        if self._task is None:
            self._task = self._transport.spawn(self._send_queue())

    async def _send_queue(self) -> None:
        while self._queue:
            queue, self._queue = self._queue, []
            try:
                envelope = encode_envelope(self._pack(queue))
                await self._transport.publish_to_group(self._group, envelope)
            except Exception as error:
                # The messages are on the links: each comes again over its own.
                logger.warning(
                    "The channel layer refused a message to a group: %r",
                    error,
                    extra={"action": "publish_failed"},
                )
        self._task = None
        self._transport.drop_post(self._group)

    def _pack(self, queue: list[tuple[list[Numbered], bytes]]) -> Envelope:
        items: list[tuple[dict[bytes, int], bytes]] = []
        links: dict[bytes, tuple[int, int]] = {}
        for numbered, message in queue:
            numbers: dict[bytes, int] = {}
            for link, generation, number in numbered:
                # A number of a link that was given up since then means nothing.
                if link.generation == generation:
                    numbers[link.node] = number
                    links[link.node] = link.position
            items.append((numbers, message))
        return Envelope(
            format=FORMAT,
            sender=self._transport.node,
            channel=self._transport.channel,
            links=links,
            items=items,
        )

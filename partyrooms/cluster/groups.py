"""The layer's groups: whether this process is in one, and what is sent to one."""

import asyncio
import logging
from typing import TYPE_CHECKING

from partyrooms.cluster.link import Peer
from partyrooms.core.wire import FORMAT, Parcel, encode_parcel

if TYPE_CHECKING:
    from partyrooms.cluster.transport import Hub

logger = logging.getLogger("partyrooms.cluster")

Numbered = tuple[Peer, int, int]
"""A peer, its link's generation, and an item's number on it."""


class GroupMembership:
    """
    Whether this process is in one group: changes reach the layer one by one, in order.

    Args:
        hub: Whose channel.
        group: Which one.
    """

    def __init__(self, hub: "Hub", group: str) -> None:
        self._hub = hub
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
            self._task = self._hub.spawn(self._settle())

    async def _settle(self) -> None:
        while self._is_stale:
            self._is_stale = False
            await self._hub.set_membership(self._group, member=self._is_wanted)
        self._task = None


class GroupPost:
    """What is on its way to one group: gathered while a message is under way."""

    def __init__(self, hub: "Hub", group: str) -> None:
        self._hub = hub
        self._group = group
        self._queue: list[tuple[list[Numbered], bytes]] = []
        self._task: asyncio.Task[None] | None = None

    def send(self, item: bytes, peers: list[Peer]) -> None:
        """Put an item on each peer's link and send it with the next message."""
        numbered = [(peer, peer.generation, peer.number(item)) for peer in peers]
        self._queue.append((numbered, item))
        if self._task is None:
            self._task = self._hub.spawn(self._send_queue())

    async def _send_queue(self) -> None:
        while self._queue:
            queue, self._queue = self._queue, []
            try:
                parcel = encode_parcel(self._pack(queue))
                await self._hub.publish_to_group(self._group, parcel)
            except Exception as error:
                # The items are on the links: each comes again over its own.
                logger.warning(
                    "The channel layer refused a message to a group: %r",
                    error,
                    extra={"action": "publish_failed"},
                )
        self._task = None
        self._hub.drop_post(self._group)

    def _pack(self, queue: list[tuple[list[Numbered], bytes]]) -> Parcel:
        items: list[tuple[dict[bytes, int], bytes]] = []
        links: dict[bytes, tuple[int, int]] = {}
        for numbered, item in queue:
            numbers: dict[bytes, int] = {}
            for peer, generation, number in numbered:
                # A number of a link that was given up since then means nothing.
                if peer.generation == generation:
                    numbers[peer.node] = number
                    links[peer.node] = peer.link
            items.append((numbers, item))
        return Parcel(
            format=FORMAT,
            sender=self._hub.node,
            channel=self._hub.channel,
            links=links,
            items=items,
        )

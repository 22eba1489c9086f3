"""One process's end of the channel layer: one channel, one reader, links to others."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol
from uuid import UUID

from partyrooms.cluster.groups import GroupPost
from partyrooms.cluster.link import RETRY_DELAY, Link, Spawn
from partyrooms.core.wire import (
    FORMAT,
    Envelope,
    decode_envelope,
    decode_message,
    encode_envelope,
)

logger = logging.getLogger("partyrooms.cluster")

MESSAGE_TYPE = "partyrooms.parcel"
"""The only type on the layer; a consumer that met an unknown one would die."""

TICK = 0.05
"""Seconds between two looks at what is due; acknowledgements wait no longer."""

BREAK_AFTER = 10.0
"""Seconds without any acknowledgement after which a link is given up."""


class Layer(Protocol):
    """What a transport needs of a Channels layer."""

    async def send(self, channel: str, message: dict[str, Any]) -> None: ...
    async def receive(self, channel: str) -> dict[str, Any]: ...
    async def group_add(self, group: str, channel: str) -> None: ...
    async def group_discard(self, group: str, channel: str) -> None: ...
    async def group_send(self, group: str, message: dict[str, Any]) -> None: ...


class Transport:
    """
    Links this process with others.

    Args:
        layer: The Channels layer; nothing is taken from it on trust.
        node: This process's id.
        spawn: Starts a task that the cluster owns.
        clock: Seconds that never run backwards.
        on_item: Called with the peer and each message, in order.
        on_broken: Called with a peer and whether its process is dead, when everything
            under way in both directions is lost.
    """

    def __init__(
        self,
        layer: Layer,
        node: UUID,
        *,
        spawn: Spawn,
        clock: Callable[[], float],
        on_message: Callable[[Link, Any], None],
        on_broken: Callable[[Link, bool], None],
    ) -> None:
        self.node = node.bytes
        self.channel = channel_of(node)
        self.links: dict[bytes, Link] = {}
        self._layer = layer
        self._spawn = spawn
        self._clock = clock
        self._on_message = on_message
        self._on_broken = on_broken
        self._posts: dict[str, GroupPost] = {}
        self._is_away = False

    def start(self) -> None:
        """Read the channel and keep the links going until the tasks are ended."""
        self._spawn(self._read())
        self._spawn(self._keep_ticking())

    def link(self, node: bytes, channel: str) -> Link:
        """The other process; its links begin with the first word."""
        link = self.links.get(node)
        if link is None:
            link = self.links[node] = Link(
                node,
                channel,
                own=(self.node, self.channel),
                publish=lambda data: self._publish(channel, data),
                spawn=self._spawn,
                clock=self._clock,
            )
        return link

    def send_to_group(self, group: str, message: bytes, links: Iterable[Link]) -> None:
        """Put a message on several links and publish it once for all of them."""
        post = self._posts.get(group)
        if post is None:
            post = self._posts[group] = GroupPost(self, group)
        post.send(message, list(links))

    async def set_membership(self, group: str, *, member: bool) -> None:
        """
        Let the layer bring this process what is sent to a group, or no more.

        It may fail: then messages come late, over the link.
        """
        change = self._layer.group_add if member else self._layer.group_discard
        try:
            await change(group, self.channel)
        except Exception as error:
            logger.warning(
                "A group could not be joined or left: %r",
                error,
                extra={"action": "group_failed"},
            )

    def bury(self, link: Link) -> None:
        """The other process is dead."""
        if self.links.pop(link.node, None) is not None:
            self._on_broken(link, True)

    def break_link(self, link: Link) -> None:
        """Give up what is under way with a process that may be alive."""
        logger.warning(
            "The link to %s is broken; what was under way is lost",
            link.channel,
            extra={"action": "link_broken"},
        )
        link.renew(link.generation + 1)
        self._on_broken(link, False)

    async def publish_to_group(self, group: str, data: bytes) -> None:
        """Send bytes to every process of a group."""
        try:
            await self._layer.group_send(group, _layer_message(data))
        except Exception:
            self._layer_is_away()
            raise

    async def _publish(self, channel: str, data: bytes) -> None:
        try:
            await self._layer.send(channel, _layer_message(data))
        except Exception:
            self._layer_is_away()
            raise

    def _layer_is_away(self) -> None:
        if not self._is_away:
            self._is_away = True
            self._spawn(self._call_until_it_answers())

    async def _call_until_it_answers(self) -> None:
        """
        Send this process words of its own, until one comes back.

        A layer may take messages before it brings any: its server has come back, and
        its subscriptions have not.
        """
        call = encode_envelope(
            Envelope(
                format=FORMAT,
                sender=self.node,
                channel=self.channel,
                links={},
                items=[],
            )
        )
        while self._is_away:
            with suppress(Exception):
                await self._layer.send(self.channel, _layer_message(call))
            await asyncio.sleep(RETRY_DELAY)

    def _layer_answers(self) -> None:
        if self._is_away:
            self._is_away = False
            for link in self.links.values():
                link.hurry()

    def drop_post(self, group: str) -> None:
        """A group's queue is empty."""
        self._posts.pop(group, None)

    def spawn(self, coroutine: Any) -> "asyncio.Task[None]":
        """Start a task that the cluster owns."""
        return self._spawn(coroutine)

    async def _read(self) -> None:
        while True:
            try:
                message = await self._layer.receive(self.channel)
            except Exception as error:
                logger.warning(
                    "The channel layer cannot be read: %r",
                    error,
                    extra={"action": "receive_failed"},
                )
                self._layer_is_away()
                await asyncio.sleep(RETRY_DELAY)
                continue
            envelope = decode_envelope(message.get("data", b""))
            if envelope is None:
                continue
            if envelope.sender == self.node:
                self._layer_answers()
                continue
            try:
                self._unpack(envelope)
            except Exception:
                logger.exception(
                    "A message of the channel layer could not be handled",
                    extra={"action": "parcel_failed"},
                )

    def _unpack(self, envelope: Envelope) -> None:
        position = envelope.links.get(self.node)
        if position is None:
            return
        link = self.link(envelope.sender, envelope.channel)
        link.heard()
        generation, acknowledged = position
        if generation < link.generation:
            link.greet()
            return
        if generation > link.generation:
            link.renew(generation)
            self._on_broken(link, False)
        link.acknowledged(acknowledged)
        for numbers, message in envelope.items:
            number = numbers.get(self.node)
            if number is None:
                continue
            for ready in link.receive(number, message):
                self._on_message(link, decode_message(ready))

    async def _keep_ticking(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = self._clock()
            for link in tuple(self.links.values()):
                if link.tick(now) > BREAK_AFTER:
                    self.break_link(link)


def channel_of(node: UUID) -> str:
    """A process's own channel in the layer."""
    return f"partyrooms.{node.hex}"


def _layer_message(data: bytes) -> dict[str, Any]:
    return {"type": MESSAGE_TYPE, "data": data}

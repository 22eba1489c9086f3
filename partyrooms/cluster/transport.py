"""One process's end of the channel layer: one channel, one reader, links to others."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol
from uuid import UUID
from weakref import WeakValueDictionary

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings

from partyrooms.cluster.contained import contained
from partyrooms.cluster.groups import GroupMembership, GroupSender
from partyrooms.cluster.link import RETRY_DELAY, Link, Spawn
from partyrooms.core.wire.codec import (
    Envelope,
    NumberedMessage,
    Positions,
    decode_envelope,
    decode_message,
    encode_envelope,
)

logger = logging.getLogger("partyrooms.cluster")

MESSAGE_TYPE = "partyrooms.envelope"
"""The only type on the layer; a consumer that met an unknown one would die."""

TICK = 0.05
"""Seconds between two looks at what is due; acknowledgements wait no longer."""

ECHO_INTERVAL = 1.0
"""Seconds between two envelopes that a process sends itself, to prove that it hears."""

DEAF_AFTER = 3.0
"""Seconds without any envelope after which the channel is read anew."""

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
        on_message: Called with the link and each message, in order.
        on_broken: Called with a link and whether its process is dead, when everything
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
        self._groups: WeakValueDictionary[str, GroupSender] = WeakValueDictionary()
        self._is_away = False

    def start(self) -> None:
        """Read the channel and keep the links going until the tasks are ended."""
        self._spawn(self._read())
        self._spawn(self._keep_echoing())
        self._spawn(self._keep_ticking())

    def link(self, node: bytes, channel: str) -> Link:
        """The link with another process; it begins with the first message."""
        link = self.links.get(node)
        if link is None:
            link = self.links[node] = Link(
                node,
                channel,
                publish=partial(self._publish, channel),
                on_full=self.break_link,
                spawn=self._spawn,
                clock=self._clock,
            )
        return link

    def membership(self, group: str) -> GroupMembership:
        """What lets the layer bring this process what is sent to a group."""
        return GroupMembership(partial(self._change_membership, group), self._spawn)

    def send_to_group(self, group: str, message: bytes, links: list[Link]) -> None:
        """Put a message on several links and publish it once for all of them."""
        sender = self._groups.get(group)
        if sender is None:
            publish = partial(self._publish, group, is_group=True)
            sender = self._groups[group] = GroupSender(publish, self._spawn)
        sender.send(message, links)

    async def _change_membership(self, group: str, is_member: bool) -> None:
        change = self._layer.group_add if is_member else self._layer.group_discard
        try:
            await change(group, self.channel)
        # Then broadcasts come late, each over its link.
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

    async def _publish(
        self,
        to: str,
        links: Positions,
        messages: list[NumberedMessage],
        *,
        is_group: bool = False,
    ) -> None:
        send = self._layer.group_send if is_group else self._layer.send
        try:
            await send(to, self._pack(links, messages))
        except Exception:
            self._layer_is_away()
            raise

    def _pack(
        self, links: Positions, messages: list[NumberedMessage]
    ) -> dict[str, Any]:
        envelope = Envelope(
            sender=self.node, channel=self.channel, links=links, messages=messages
        )
        return {"type": MESSAGE_TYPE, "data": encode_envelope(envelope)}

    def _layer_is_away(self) -> None:
        self._is_away = True

    async def _keep_echoing(self) -> None:
        """
        Send this process empty envelopes; the next soon, while none arrives.

        A layer may take messages and bring none: its server has come back, or has
        ended a subscription, and nobody subscribes again.
        """
        while True:
            with suppress(Exception):
                await self._layer.send(self.channel, self._pack({}, []))
            waited = 0.0
            while waited < (RETRY_DELAY if self._is_away else ECHO_INTERVAL):
                await asyncio.sleep(RETRY_DELAY)
                waited += RETRY_DELAY

    def _layer_answers(self) -> None:
        if self._is_away:
            self._is_away = False
            for link in self.links.values():
                link.hurry()

    async def _read(self) -> None:
        while True:
            try:
                # Cancelled, a layer leaves the channel; the next call subscribes anew.
                async with asyncio.timeout(DEAF_AFTER):
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
            with contained("An envelope of the channel layer"):
                self._open(message)

    def _open(self, message: dict[str, Any]) -> None:
        """Take an envelope; one that is none of this version's is dropped."""
        envelope = decode_envelope(message.get("data", b""))
        if envelope is None:
            return
        if envelope.sender == self.node:
            self._layer_answers()
        else:
            self._unpack(envelope)

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
        for numbers, message in envelope.messages:
            number = numbers.get(self.node)
            if number is None:
                continue
            for ready in link.receive(number, message):
                if not self._take(link, ready):
                    return

    def _take(self, link: Link, message: bytes) -> bool:
        """Hand one message on; False: the link was given up with all that follows."""
        generation = link.generation
        with contained("A message of another process"):
            try:
                decoded = decode_message(message)
            except Exception:
                # Nobody knows who waits for it: without a code they would for ever.
                self.break_link(link)
                raise
            # What one room makes of it is none of another's business.
            self._on_message(link, decoded)
        return link.generation == generation

    async def _keep_ticking(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = self._clock()
            for link in tuple(self.links.values()):
                with contained("A link with another process"):
                    if link.tick(now) > BREAK_AFTER:
                        self.break_link(link)


def channel_of(node: UUID) -> str:
    """A process's own channel in the layer."""
    return f"partyrooms.{node.hex}"


def shared_layer(alias: str) -> Layer | None:
    """The project's channel layer; None: there is none that others could share."""
    if alias not in getattr(settings, "CHANNEL_LAYERS", {}):
        return None
    layer = get_channel_layer(alias)
    if layer is None or isinstance(layer, InMemoryChannelLayer):
        return None
    found: Layer = layer
    return found

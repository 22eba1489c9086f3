"""A channel layer at its worst, as often as a seed says."""

import asyncio
import random
from contextlib import suppress

from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer

DROPPED, TWICE, LATE = 0.15, 0.15, 0.2

MAX_DELAY = 0.05
"""Seconds by which a message is late at most; others overtake it."""


class LossyLayer(InMemoryChannelLayer):
    """
    Drops messages, brings some twice and some late; groups lose members of their own.

    Attributes:
        is_away: Sending raises, and nothing arrives.
        is_deaf: Sending does not raise, and nothing arrives.

    Args:
        seed: Of its chance.
        is_fair: It drops, repeats and delays nothing.
    """

    def __init__(self, seed, *, is_fair=False):
        super().__init__()
        self._is_fair = is_fair
        self.is_away = self.is_deaf = False
        self._chance = random.Random(seed)  # noqa: S311
        self._late = set()

    async def send(self, channel, message):
        if self.is_away:
            raise ConnectionError("The layer is away.")
        if self.is_deaf or self._happens(DROPPED):
            return
        await self._bring(channel, message)
        if self._happens(TWICE):
            await self._bring(channel, message)

    def _happens(self, often):
        return not self._is_fair and self._chance.random() < often

    async def _bring(self, channel, message):
        if not self._happens(LATE):
            await super().send(channel, message)
            return
        delay = self._chance.uniform(0, MAX_DELAY)
        task = asyncio.ensure_future(self._bring_late(delay, channel, message))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _bring_late(self, delay, channel, message):
        await asyncio.sleep(delay)
        with suppress(ChannelFull):
            await super().send(channel, message)

    async def group_send(self, group, message):
        if self.is_away:
            raise ConnectionError("The layer is away.")
        for channel in tuple(self.groups.get(group, ())):
            with suppress(ChannelFull):
                await self.send(channel, message)

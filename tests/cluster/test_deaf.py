"""A process that the layer brings nothing any more finds its way back."""

import asyncio

import pytest
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis.asyncio import Redis

from tests.cluster.world import PATIENCE, SLEEPY, LayerWorld, connected

DENIED_FOR = 5.0
"""Seconds, as in the row."""


@pytest.mark.parametrize("kind", [RedisPubSubChannelLayer, RedisChannelLayer])
async def test_d9_row48_a_right_that_comes_back_lets_a_process_hear_again(valkey, kind):
    """D9, row 48: an ACL took the channels away for 5 s; rooms elsewhere work again."""
    url = valkey.replace("://", "://rooms:secret@")
    async with Redis.from_url(valkey) as admin:
        acl = ("ACL", "SETUSER", "rooms", "on", ">secret", "allkeys", "+@all")
        await admin.execute_command(*acl, "allchannels")
        world = LayerWorld(kind(hosts=[url], prefix="deaf"))
        await world.node()
        alice = await connected(await world.node(takes_rooms=False), "alice", SLEEPY)

        await admin.execute_command("ACL", "SETUSER", "rooms", "resetchannels")
        await admin.execute_command("ACL", "SETUSER", "rooms", "resetkeys")
        await asyncio.sleep(DENIED_FOR)
        await admin.execute_command(*acl, "allchannels")

        alice.send("a")
        async with asyncio.timeout(PATIENCE):
            assert await alice.next() == "alice:a"
        await world.close()
        await admin.execute_command("ACL", "DELUSER", "rooms")

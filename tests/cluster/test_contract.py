"""What every cluster does, whether the room is in the gateway's process or not."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from partyrooms.exceptions import PartyroomsError
from tests.cluster.world import KEY, SLEEPY, Socket, ask, connected


@pytest.fixture
async def here(world):
    """The node that owns the room: it is asked first."""
    node = await world.node()
    assert (await ask(node)).status == 200
    return node


@pytest.fixture
async def there(world, here):
    """Another node; with a memory cluster, the same."""
    return await world.node()


async def test_r6_everyone_reaches_the_same_instance(here, there):
    """R6: wherever the socket is."""
    alice, bob = await connected(here, "alice"), await connected(there, "bob")

    bob.send("hi")

    assert await alice.next() == "bob:hi"
    assert await bob.next() == "bob:hi"


async def test_r12_text_and_bytes_arrive_unchanged(here, there):
    """R12: a str for a text frame, bytes for a binary one."""
    bob = await connected(there, "bob")

    bob.send("é")
    bob.send(b"\x00\xff")

    assert await bob.next() == "bob:é"
    assert await bob.next() == "bob:b'\\x00\\xff'"


async def test_r12_frames_keep_their_order(here, there):
    """R12, D3: two thousand of them, and everybody hears the same."""
    alice, bob = await connected(here, "alice"), await connected(there, "bob")

    for number in range(2000):
        bob.send(str(number))
        if bob.inbox.is_full:
            await bob.inbox.space()

    wanted = [f"bob:{number}" for number in range(2000)]
    assert [await bob.next() for _ in range(2000)] == wanted
    assert [await alice.next() for _ in range(2000)] == wanted


async def test_r13_a_client_that_leaves_is_reported_once(here, there):
    """R13: with its code."""
    alice, bob = await connected(here, "alice"), await connected(there, "bob")

    bob.leave(4007)

    assert await alice.next() == "bye bob 4007"
    alice.send("who")
    assert await alice.next() == "here: alice"


async def test_r33_a_room_closes_a_socket(here, there):
    """R33: with code and reason; on_close follows."""
    alice, bob = await connected(here, "alice"), await connected(there, "bob")

    bob.send("close")

    assert await bob.next() == ("close", 4001)
    bob.leave(4001)
    assert await alice.next() == "bye bob 4001"


async def test_r32_state_is_kept_with_the_socket(here, there):
    """R32: at the gateway."""
    bob = await connected(there, "bob")

    bob.send("a")
    await bob.next()

    assert bob.state == b'{"count":1}'


async def test_r17_a_hook_that_raises_leaves_the_socket_open(here, there):
    """R17: nothing of the turn leaves; the next event is handled."""
    bob = await connected(there, "bob")

    bob.send("raise")
    bob.send("on")

    assert await bob.next() == "failed bob"
    assert await bob.next() == "bob:on"


@pytest.mark.django_db(transaction=True)  # the user is loaded
async def test_h3_a_request_is_answered(here, there):
    """H3: with body and user id as they were."""
    answer = await ask(there, text="hi", user_id="7")

    assert answer.body == b'{"seen":[],"body":{"text":"hi"},"who":"7"}'


async def test_p4_a_stub_hears_who_is_here(here, there):
    """P4: connections() and info() run in the room."""
    await connected(here, "alice")
    await connected(there, "bob")

    found = await there.cluster.inbox(KEY).call("connections", {})
    info = await there.cluster.inbox(KEY).call("info", {})

    assert [one["id"] for one in found] == ["alice", "bob"]
    assert (info["connections"], info["owner"]) == (2, here.name)


async def test_r40_a_room_is_woken_from_anywhere(here, there):
    """R40: who waits is told when it is handled, or that it is not due."""
    alice, bob = await connected(here, "alice"), await connected(there, "bob")
    await ask(here, alarm=-10)
    now = datetime.now(UTC)

    await there.cluster.inbox(KEY).alarm_due(now - timedelta(seconds=20))
    await there.cluster.inbox(KEY).alarm_due(now)

    assert await alice.next() == await bob.next() == "alarm"
    assert b'"seen":["alarm"]' in (await ask(there)).body


async def test_p4_a_room_is_stopped_from_anywhere(here, there):
    """P4: sockets get 1012; the next event starts it again."""
    alice, bob = await connected(here, "alice"), await connected(there, "bob")

    await there.cluster.inbox(KEY).stop()

    assert (await alice.until(("close", 1012)))[-1] == ("close", 1012)
    assert (await bob.until(("close", 1012)))[-1] == ("close", 1012)
    assert (await ask(there)).status == 200


async def test_p4_a_room_is_deleted_from_anywhere(here, there):
    """P4: with all that it stored."""
    bob = await connected(there, "bob")
    bob.send("a")
    await bob.next()

    await there.cluster.inbox(KEY).delete()

    assert b'"seen":[]' in (await ask(there)).body


async def test_r24_a_room_sleeps_and_wakes_with_its_sockets(world):
    """R24: connections keep id, tags and state; the first event finds all of them."""
    here, there = await world.node(), await world.node()
    alice = await connected(here, "alice", SLEEPY)
    bob = await connected(there, "bob", SLEEPY)
    bob.send("a")
    await alice.until("bob:a")
    await bob.until("bob:a")
    await here.worker(SLEEPY).stop(None)

    bob.send("who")

    assert await bob.next() == "here: alice bob"
    bob.send("b")
    assert await alice.next() == "bob:b"
    assert bob.state == b'{"count":2}'


async def test_r24_who_leaves_a_sleeping_room_is_reported(world):
    """R13, R24: on_close exactly once."""
    here, there = await world.node(), await world.node()
    alice = await connected(here, "alice", SLEEPY)
    bob = await connected(there, "bob", SLEEPY)
    await here.worker(SLEEPY).stop(None)

    bob.leave(4008)

    assert await alice.next() == "bye bob 4008"


async def test_many_sockets_come_at_once(here, there):
    """Each is let in once, and counted."""
    sockets = [Socket(node, f"s{i}") for i in range(50) for node in (here, there)]

    greetings = await asyncio.gather(*(socket.next() for socket in sockets))

    assert greetings == ["accept"] * 100
    info = await there.cluster.inbox(KEY).call("info", {})
    assert info["connections"] == 100


async def test_an_unknown_call_fails_at_the_caller(here, there):
    """An error of the owner arrives as an error of partyrooms, not as silence."""
    with pytest.raises((PartyroomsError, KeyError), match="no-such-call"):
        await there.cluster.inbox(KEY).call("no-such-call", {})

"""What a gateway's route to a room does, whether the room is here or elsewhere."""

import asyncio

import pytest

from partyrooms import Room
from partyrooms.cluster.placement import Placement
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import MailboxFull
from tests.cluster.world import KEY as PLAIN
from tests.cluster.world import PATIENCE, SLEEPY, Socket, ask, connected

KEY = RoomKey("routes-busy", "one")


class Busy(Room):
    """Handles one message until it is told to go on."""

    party = "routes-busy"

    async def on_start(self):
        self.inside, self.go_on = asyncio.Event(), asyncio.Event()
        self.ends = []

    async def on_message(self, message, sender):
        if message == "wait":
            self.inside.set()
            await self.go_on.wait()
        sender.send(message)

    async def on_close(self, connection):
        self.ends.append((connection.id, connection.close_code, connection.was_clean))


@pytest.fixture
async def owner(layered):
    """The node that runs the room; in the end it goes on."""
    owner = await layered.node(mailbox_size=2)
    await owner.cluster.inbox(KEY).call("info", {})
    room = owner.worker(KEY).life.room
    yield owner
    room.go_on.set()


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_g6_a_full_room_turns_requests_away_until_there_is_space(
    layered, owner, where
):
    """G6: what was sent to the owner and not handled counts as waiting."""
    gateway = owner if where == "here" else await layered.node(mailbox_size=2)
    alice = Socket(gateway, "alice", KEY)
    assert await alice.next() == "accept"
    room = owner.worker(KEY).life.room
    inbox = alice.inbox
    for message in ("wait", "one", "two"):
        alice.send(message)
    async with asyncio.timeout(PATIENCE):
        await room.inside.wait()

    assert inbox.is_full
    with pytest.raises(MailboxFull):
        inbox.call("info", {})
    waiting = asyncio.ensure_future(inbox.space())
    await asyncio.sleep(0)
    assert not waiting.done()

    room.go_on.set()

    async with asyncio.timeout(PATIENCE):
        await waiting
        await inbox.call("info", {})
    assert [await alice.next() for _ in range(3)] == ["wait", "one", "two"]


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_r13_a_close_that_waits_when_the_server_stops_has_its_own_code(
    layered, owner, where
):
    """R13: the client's code, not the one of those who are still connected."""
    gateway = owner if where == "here" else await layered.node()
    alice, bob = (Socket(gateway, name, KEY) for name in ("alice", "bob"))
    assert [await alice.next(), await bob.next()] == ["accept", "accept"]
    worker = owner.worker(KEY)
    room = worker.life.room
    alice.send("wait")
    async with asyncio.timeout(PATIENCE):
        await room.inside.wait()
        bob.leave(4123)
        while not worker.mailbox.waiting:  # noqa: ASYNC110 - it comes from elsewhere
            await asyncio.sleep(0.01)
        stopping = asyncio.create_task(worker.stop((1012, "going away")))
        await asyncio.sleep(0)
        room.go_on.set()
        await stopping

    assert sorted(room.ends) == [("alice", 1012, True), ("bob", 4123, True)]


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_g6_a_flood_leaves_the_mailbox_to_others(layered, where):
    """G6: a full share is that of one socket, also where the owner is elsewhere."""
    owner = await layered.node()
    await owner.cluster.inbox(KEY).call("info", {})
    gateway = owner if where == "here" else await layered.node()
    flood, other = (Socket(gateway, name, KEY) for name in ("flood", "other"))
    assert [await flood.next(), await other.next()] == ["accept", "accept"]
    room = owner.worker(KEY).life.room
    flood.send("wait")
    async with asyncio.timeout(PATIENCE):
        await room.inside.wait()
    sent = 1
    while not flood.inbox.message(flood.socket, str(sent)):
        sent += 1
    waiting = asyncio.create_task(flood.inbox.space(flood.socket))

    is_stopped = other.inbox.message(other.socket, "hi")
    await asyncio.sleep(0)
    was_waiting = not waiting.done()
    room.go_on.set()

    async with asyncio.timeout(PATIENCE):
        await waiting
    assert (sent, is_stopped, was_waiting) == (10 - (where == "elsewhere"), False, True)
    assert await other.next() == "hi"


@pytest.mark.parametrize("bound", ["time", "number"])
async def test_g6_the_owner_turns_requests_away_at_once(layered, owner, bound):
    """G6: those of a gateway that does not know how much the others have sent."""
    gateway = await layered.node()
    alice = Socket(owner, "alice", KEY)
    assert await alice.next() == "accept"
    worker = owner.worker(KEY)
    room = worker.life.room
    for message in ("wait", "one", "two")[: 3 if bound == "number" else 2]:
        alice.send(message)
    async with asyncio.timeout(PATIENCE):
        await room.inside.wait()
    if bound == "time":
        worker.mailbox.pace.handled(50, 5000.0)

    async with asyncio.timeout(PATIENCE):
        with pytest.raises(MailboxFull, match="come back later"):
            await ask(gateway, KEY)

        room.go_on.set()
        bob = Socket(gateway, "bob", KEY)
        assert await bob.next() == "accept"
        bob.send("hi")
        assert await bob.next() == "hi"


async def test_d6_who_was_joined_while_it_searched_does_not_join_again(
    layered, monkeypatch
):
    """D6: after an await the world may have changed: one join, and no code."""
    owner = await layered.node()
    gateway = await layered.node(takes_rooms=False)
    alice = await connected(gateway, "alice", SLEEPY)
    route, choose = alice.inbox, Placement.choose
    await owner.worker(SLEEPY).stop(None)
    async with asyncio.timeout(PATIENCE):
        while route.link is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def late_choose(placement, key):
        found = await choose(placement, key)
        asked.set()
        await answer.wait()
        return found

    monkeypatch.setattr(Placement, "choose", late_choose)
    alice.send("a")
    async with asyncio.timeout(PATIENCE):
        await asked.wait()
        await owner.worker(SLEEPY).call("info", {})
    joins = route.join
    assert route.link is not None
    assert await alice.next() == "alice:a"

    answer.set()
    async with asyncio.timeout(PATIENCE):
        await route._search

    assert route.join == joins
    alice.send("b")
    assert await alice.next() == "alice:b"


async def test_d6_a_worker_that_is_refused_the_room_leaves_the_route_alone(layered):
    """D6: row 45's kind; what was sent to the owner would be handled twice."""
    await (await layered.node()).worker(SLEEPY).call("info", {})
    gateway = await layered.node()
    alice = await connected(gateway, "alice", SLEEPY)
    joins = alice.inbox.join

    async with asyncio.timeout(PATIENCE):
        await gateway.worker(SLEEPY).call("info", {})

    assert alice.inbox.join == joins
    alice.send("a")
    assert await alice.next() == "alice:a"


async def test_g6_who_waits_for_space_goes_on_when_the_owner_is_lost(layered):
    """G6: what the lost owner had not handled takes no space any more."""
    owner = await layered.node()
    gateway = await layered.node(mailbox_size=1, takes_rooms=False)
    alice = Socket(gateway, "alice", KEY)
    assert await alice.next() == "accept"
    alice.send("wait")
    waiting = asyncio.ensure_future(alice.inbox.space())
    await asyncio.sleep(0)
    assert not waiting.done()

    await layered.kill(owner)

    async with asyncio.timeout(PATIENCE):
        await waiting


@pytest.mark.parametrize("key", [PLAIN, SLEEPY], ids=["plain", "hibernating"])
@pytest.mark.parametrize("end", ["stop", "delete"])
async def test_p4_an_end_leaves_nothing_at_the_gateways(layered, key, end):
    """P4: no way to the room, no group of the layer, and no new life of the room."""
    owner = await layered.node()
    gateway = await layered.node(takes_rooms=False)
    await owner.worker(key).call("info", {})
    bob = await connected(gateway, "bob", key)

    async with asyncio.timeout(PATIENCE):
        await getattr(gateway.cluster.inbox(key), end)()
    assert await bob.until(("close", 1012))
    bob.inbox.closed(bob.socket, (1012, ""), True)
    async with asyncio.timeout(PATIENCE):
        while layered.layer.groups or gateway.cluster._routes.joined():  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    assert owner.worker(key).life is None

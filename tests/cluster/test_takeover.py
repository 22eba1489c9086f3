"""The owner of a hibernating room dies: who keeps a socket, what is handled again."""

import asyncio

import pytest

from partyrooms import Room
from partyrooms.core.keys import RoomKey
from partyrooms.core.wire.codec import decode_envelope
from partyrooms.core.wire.to_room import Sent
from tests.cluster.world import PATIENCE, SLEEPY, Socket, ask, connected

VOLATILE = RoomKey("bus-volatile", "one")


class Volatile(Room):
    """Stores nothing; says what it hears to everybody, or to the sender only."""

    party = "bus-volatile"
    hibernate = True

    async def on_connect(self, connection, ctx):
        connection.send(f"hello {connection.id} {ctx.props.get('who')}")

    async def on_message(self, message, sender):
        if message == "sync":
            self.storage.put("half", True)
            await self.storage.sync()
            await asyncio.Event().wait()
        elif message == "wait":
            self.go_on = asyncio.Event()
            await self.go_on.wait()
        elif message.startswith("all"):
            self.broadcast(f"{sender.id}:{message}")
        else:
            sender.send(f"{sender.id}:{message}")

    async def on_request(self, request):
        self.storage.put("half", True)
        await self.storage.sync()
        if "raise" in request.data:
            raise ValueError("as asked")


@pytest.fixture
async def owner(layered):
    """The process that will have the rooms, without sockets of its own."""
    return await layered.node()


@pytest.fixture
async def bobs(layered, owner):
    """A gateway that takes no rooms, and another one."""
    return await layered.node(takes_rooms=False), await layered.node(takes_rooms=False)


@pytest.fixture
def mute(layered):
    """Let nothing that a node sends arrive any more."""
    send, group_send = layered.layer.send, layered.layer.group_send
    silent = set()

    def mute(node):
        silent.add(node.store.node_id.bytes)

    async def filtered_send(channel, message):
        if sender(message) not in silent:
            await send(channel, message)

    async def filtered_group_send(group, message):
        if sender(message) not in silent:
            await group_send(group, message)

    layered.layer.send, layered.layer.group_send = filtered_send, filtered_group_send
    return mute


def sender(message):
    """The node that a message of the layer is from."""
    return decode_envelope(message["data"]).sender


async def until_idle(node, key=SLEEPY):
    """Wait until everything that a room was asked so far is handled."""
    await ask(node, key)


async def until(is_done):
    """Wait for what nobody is told of."""
    async with asyncio.timeout(PATIENCE):
        while not is_done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def stored(layered, key=SLEEPY):
    """The entries of a room."""
    return layered.tables.room(key)[1].entries


async def test_d5_an_idle_rooms_sockets_outlive_its_owner(layered, owner, bobs):
    """D5: nothing was under way, so nothing is lost; the next owner finds everybody."""
    alice = await connected(bobs[0], "alice", SLEEPY)
    bob = await connected(bobs[1], "bob", SLEEPY)
    bob.send("a")
    assert await alice.next() == await bob.next() == "bob:a"
    await layered.kill(owner)
    successor = await layered.node()

    bob.send("b")

    assert await alice.next() == await bob.next() == "bob:b"
    alice.send("who")
    assert await alice.next() == "here: alice bob"
    assert bob.state == b'{"count":2}'
    assert successor.worker(SLEEPY).life.claim.epoch == 2


async def test_d5_a_room_without_writes_keeps_its_sockets(layered, owner, bobs):
    """D5: what the gateways have seen stands for what is not stored."""
    alice = await connected(bobs[0], "alice", VOLATILE)
    bob = await connected(bobs[1], "bob", VOLATILE)
    for number in range(5):
        alice.send(f"{number}")
        assert await alice.next() == f"alice:{number}"
        bob.send(f"all {number}")
        assert await alice.next() == await bob.next() == f"bob:all {number}"
    await layered.kill(owner)
    await layered.node()

    alice.send("on")
    bob.send("on")

    assert await alice.next() == "alice:on"
    assert await bob.next() == "bob:on"


@pytest.mark.parametrize("key", [SLEEPY, VOLATILE])
async def test_d5_what_was_not_handled_goes_to_the_next_owner(
    layered, owner, bobs, key
):
    """D5: once, in order; the sockets stay."""
    bob = await connected(bobs[0], "bob", key)
    bob.send("all a")
    assert await bob.next() == "bob:all a"
    await layered.kill(owner)

    for number in range(20):
        bob.send(f"all {number}")
    await layered.node()

    assert [await bob.next() for _ in range(20)] == [f"bob:all {n}" for n in range(20)]
    if key is SLEEPY:
        assert b"all 19" in (await ask(bobs[1], key)).body


async def test_d5_a_stored_turn_whose_outputs_are_lost_is_not_handled_again(
    layered, owner, bobs, mute
):
    """D5: its socket gets 3010; whoever was told nothing keeps its own."""
    bob = await connected(bobs[0], "bob", SLEEPY)
    mute(owner)
    bob.send("a")
    await until(lambda: stored(layered))
    await layered.kill(owner)
    await layered.node()

    assert await bob.next() == ("close", 3010)
    assert (await ask(bobs[1], SLEEPY)).body.startswith(b'{"seen":["a"],')


async def test_d5_whoever_misses_a_broadcast_of_a_stored_turn_gets_3010(
    layered, owner, bobs, mute
):
    """D5: also at a gateway that had sent nothing: its socket must not stay silent."""
    alice = await connected(bobs[0], "alice", SLEEPY)
    bob = await connected(bobs[1], "bob", SLEEPY)
    mute(owner)
    bob.send("a")
    await until(lambda: stored(layered))
    await layered.kill(owner)
    await layered.node()

    assert await alice.next() == ("close", 3010)
    assert await bob.next() == ("close", 3010)


async def test_d5_a_turn_that_nobody_has_seen_is_handled_again(
    layered, owner, bobs, mute
):
    """D5: it wrote nothing, and nothing of it has arrived: it has not happened."""
    bob = await connected(bobs[0], "bob", VOLATILE)
    bob.send("before")
    assert await bob.next() == "bob:before"
    mute(owner)
    tally = owner.worker(VOLATILE).life.delivery_log._log
    turn = tally._turn
    bob.send("unheard")
    await until(lambda: tally._turn > turn)
    await layered.kill(owner)
    await layered.node()

    assert await bob.next() == "bob:unheard"
    bob.send("on")
    assert await bob.next() == "bob:on"


async def test_d5_requests_that_were_not_handled_are_answered(layered, owner, bobs):
    """D5: an HTTP client waits for the next owner."""
    await connected(bobs[0], "bob", SLEEPY)
    await layered.kill(owner)

    asked = asyncio.ensure_future(ask(bobs[0], SLEEPY, text="hi"))
    await asyncio.sleep(0)
    await layered.node()

    assert (await asked).status == 200


async def test_s5_a_turn_that_was_stored_in_part_ends_its_sockets(layered, owner, bobs):
    """S5: it is not begun a second time, and nobody knows what it had yet to say."""
    bob = await connected(bobs[0], "bob", VOLATILE)
    bob.send("sync")
    await until(lambda: stored(layered, VOLATILE))
    await layered.kill(owner)
    await layered.node()

    assert await bob.next() == ("close", 3010)


async def test_d5_a_gateway_may_become_the_owner(layered, owner):
    """D5: its own sockets stay, like those of others."""
    heir, other = await layered.node(), await layered.node(takes_rooms=False)
    await until_idle(owner)
    alice = await connected(heir, "alice", SLEEPY)
    bob = await connected(other, "bob", SLEEPY)
    bob.send("a")
    assert await alice.next() == await bob.next() == "bob:a"
    await layered.kill(owner)

    alice.send("b")
    bob.send("c")

    heard = [await alice.next(), await alice.next()]
    assert sorted(heard) == ["alice:b", "bob:c"]
    assert [await bob.next(), await bob.next()] == heard
    assert heir.worker(SLEEPY).life is not None


async def test_d5_owners_that_die_one_after_the_other(layered, owner, bobs):
    """D5: each time the sockets stay, and each message is handled once."""
    bob = await connected(bobs[0], "bob", SLEEPY)
    sent = []
    for round in range(4):
        for number in range(5):
            sent.append(f"{round}.{number}")
            bob.send(sent[-1])
        assert await bob.next() == f"bob:{round}.0"
        await layered.kill(owner)
        owner = await layered.node()
        assert [await bob.next() for _ in range(4)] == [
            f"bob:{round}.{number}" for number in range(1, 5)
        ]

    seen = (await ask(bobs[1], SLEEPY)).body
    assert seen.count(b'."') == 0
    assert all(seen.count(f'"{one}"'.encode()) == 1 for one in sent)


async def test_d5_an_owner_that_dies_behind_its_release_has_lost_nothing(
    layered, owner, bobs, mute
):
    """D5: the gateway has not heard that the room sleeps, but the row has it all."""
    bob = await connected(bobs[0], "bob", SLEEPY)
    bob.send("a")
    assert await bob.next() == "bob:a"
    mute(owner)
    await owner.worker(SLEEPY).stop(None)
    await layered.kill(owner)
    await layered.node()

    bob.send("b")

    assert await bob.next() == "bob:b"


async def test_d5_clients_of_other_rooms_get_1012(layered, owner, bobs):
    """D5: a room that does not hibernate ends with its owner."""
    bob = await connected(bobs[0], "bob")

    await layered.kill(owner)

    assert await bob.next() == ("close", 1012)


async def test_d5_a_handshake_that_was_not_handled_is_answered(layered, owner, bobs):
    """D5: by the next owner."""
    await connected(bobs[0], "alice", SLEEPY)
    await layered.kill(owner)

    bob = Socket(bobs[0], "bob", SLEEPY)
    await layered.node()

    assert await bob.next() == "accept"
    assert await bob.next() == "hello bob bob"


async def test_d6_who_claims_first_does_not_overtake_the_owner_before(
    layered, owner, bobs
):
    """D6: what the last owner said is on its way; the gateway waits for all of it."""
    alice = await connected(bobs[0], "alice", SLEEPY)
    bob = await connected(bobs[1], "bob", SLEEPY)
    hold = asyncio.Event()
    send, mine = layered.layer.send, owner.store.node_id.bytes

    async def late(channel, message):
        if sender(message) == mine and channel == bobs[1].cluster.transport.channel:
            await hold.wait()
        await send(channel, message)

    layered.layer.send = late
    alice.send("a")
    assert await alice.next() == "alice:a"
    await owner.worker(SLEEPY).stop(None)
    await layered.node()
    alice.send("b")
    await asyncio.sleep(0)
    hold.set()

    assert await bob.next() == "alice:a"
    assert await bob.next() == "alice:b"
    assert await alice.next() == "alice:b"


async def test_events_that_come_to_nothing_are_counted_in_their_order(
    layered, owner, bobs
):
    """Else the gateway would take an event before them for handled."""
    bob = await connected(bobs[0], "bob", VOLATILE)
    (subscription,) = owner.cluster.audience(VOLATILE).gateways()
    before = subscription.handled_count
    bob.send("wait")
    await until(lambda: owner.worker(VOLATILE).is_in_hook)

    address = {"route": bob.inbox.number, "join": subscription.join}
    subscription.receive(Sent(**address, socket=999, payload="nobody is there"))
    await asyncio.sleep(0)

    assert subscription.handled_count == before
    owner.worker(VOLATILE).life.room.go_on.set()
    await until(lambda: subscription.handled_count == before + 2)


@pytest.mark.parametrize("body", [{}, {"raise": True}], ids=["ends well", "raises"])
async def test_d5_a_sync_before_the_first_socket_is_over_with_its_turn(
    layered, owner, bobs, body
):
    """D5: nothing was under way when the owner died, so the sockets stay."""
    await ask(owner, VOLATILE, **body)
    bob = await connected(bobs[0], "bob", VOLATILE)
    bob.send("a")
    assert await bob.next() == "bob:a"
    bob.send("b")
    assert await bob.next() == "bob:b"
    await layered.kill(owner)
    await layered.node()

    bob.send("c")

    assert await bob.next() == "bob:c"

"""SPEC W5: two live connections with one id."""

import json

import pytest

from tests.servers.site.journal import note
from tests.servers.visitor import Room, visit


class Twins(Room):
    """Tells its connections apart by what they brought along."""

    async def on_connect(self, connection, ctx):
        connection.set_state(ctx.request.GET.get("tab"))
        note(self.id, "connect", connection.id, connection.state)

    async def on_message(self, message, sender):
        if message == "who":
            newest = self.get_connection("twin")
            tabs = [connection.state for connection in self.get_connections()]
            sender.send_json([sender.state, newest and newest.state, tabs])
        else:
            self.broadcast(message, without=["twin"] if message == "others" else ())

    async def on_close(self, connection):
        note(self.id, "close", connection.id, connection.state)


async def twins(room):
    first = await room.join("twin", query={"tab": "first"})
    second = await room.join("twin", query={"tab": "second"})
    return first, second


async def test_w5_both_live(define):
    """Each its own `Connection`; `get_connection(id)` is the newest."""
    room = await define(Twins)
    first, second = await twins(room)

    tabs = ["first", "second"]
    assert json.loads(await first.ask("who")) == ["first", "second", tabs]
    assert json.loads(await second.ask("who")) == ["second", "second", tabs]


async def test_w5_broadcasts_and_without_mean_both(define):
    """A message to all reaches both, one without the id reaches neither."""
    room = await define(Twins)
    first, second = await twins(room)
    other = await room.join("other")
    await other.send("others")
    await other.send("all")

    assert await first.receive() == "all"
    assert await second.receive() == "all"
    assert [await other.receive() for _ in range(2)] == ["others", "all"]


@pytest.mark.parametrize("leaver", ["first", "second"])
@pytest.mark.parametrize("how", ["close", "abort"])
async def test_w5_the_close_of_one_does_not_disturb_the_other(define, leaver, how):
    """Its own `on_close`, once; the other is found, hears broadcasts, may speak."""
    room = await define(Twins)
    first, second = await twins(room)
    leaves, stays = (first, second) if leaver == "first" else (second, first)
    staying = "second" if leaver == "first" else "first"
    await getattr(leaves, how)()
    notes = await room.notes(until="close")

    assert notes[2:] == [["close", "twin", leaver]]
    assert json.loads(await stays.ask("who")) == [staying, staying, [staying]]
    assert await stays.ask("all") == "all"
    await stays.close()
    notes = await room.notes(until="close", times=2)
    assert notes[2:] == [["close", "twin", leaver], ["close", "twin", staying]]


async def test_w5_the_same_user_may_share_an_id(define, visitor):
    """Two tabs of one user."""
    room = await define(Twins)
    await visitor.login("ada")
    first, second = await twins(room)

    assert json.loads(await first.ask("who"))[2] == ["first", "second"]
    assert await second.ask("all") == "all"


@pytest.mark.parametrize(
    ("first_user", "second_user"),
    [("ada", "eve"), ("ada", None), (None, "eve")],
    ids=str,
)
async def test_w5_an_id_of_another_user(define, visitor, first_user, second_user):
    """The newer connection is closed with 3009; the older one does not notice."""
    room = await define(Twins)
    if first_user:
        await visitor.login(first_user)
    first = await room.join("twin", query={"tab": "first"})
    async with visit(visitor.server) as stranger:
        if second_user:
            await stranger.login(second_user)
        door = stranger.room(room.party, room.room_id)
        second = await door.join("twin", query={"tab": "second"})

        assert (await second.closed())[0] == 3009
    assert json.loads(await first.ask("who")) == ["first", "first", ["first"]]
    assert await room.notes() == [["connect", "twin", "first"]]


async def test_w5_w7_an_id_is_free_when_its_user_has_gone(define, visitor):
    """It is a name, not a credential."""
    room = await define(Twins)
    await visitor.login("ada")
    first = await room.join("twin", query={"tab": "first"})
    await first.close()
    await room.notes(until="close")
    async with visit(visitor.server) as stranger:
        await stranger.login("eve")
        door = stranger.room(room.party, room.room_id)
        second = await door.join("twin", query={"tab": "second"})

        assert json.loads(await second.ask("who")) == ["second", "second", ["second"]]

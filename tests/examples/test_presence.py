"""The building's rules, and its places'."""

import json

import pytest

from examples.presence.rooms import MAX_PLACES, Building, Place
from partyrooms import CallFailed, parties
from partyrooms.testing import running_room


async def test_the_building_learns_who_is_in_the_kitchen():
    """Two rooms. A crash sends no message; the next alarm corrects the list."""
    async with running_room(Place, "main:kitchen") as kitchen:
        building = kitchen.other(Building, "main")
        guest = await building.connect("guest")
        await kitchen.connect("1", query="name=Bob")
        ada = await kitchen.connect("2", query="name=Ada")
        await kitchen.advance(seconds=0)
        await ada.vanish()
        await kitchen.advance(seconds=0)
        await kitchen.crash()
        await kitchen.advance(seconds=30)

        people = [json.loads(frame).get("main:kitchen") for frame in guest.received]
        assert people == [None, ["Ada", "Bob"], ["Bob"], []]


@pytest.fixture
async def kitchen():
    """A place that nobody is in yet."""
    async with running_room(Place, "main:kitchen") as kitchen:
        yield kitchen


async def seen_in(building):
    """What a new client of a building receives."""
    return json.loads((await building.connect("late")).received[0])


async def test_a_building_knows_the_same_after_a_crash(kitchen):
    """Reports are stored; places of other lobbies are none of its own."""
    building = kitchen.other(Building, "main")
    await kitchen.connect("1", query="name=++Ada%0A++Lovelace++")
    await kitchen.other(Place, "elsewhere:hall").connect("2")
    await kitchen.other(Place, "nowhere").connect("3")
    await kitchen.advance(seconds=0)

    await building.crash()

    assert await seen_in(building) == {
        "main:kitchen": ["Ada Lovelace"],
        "nowhere": ["Guest"],
    }
    assert await seen_in(kitchen.other(Building, "elsewhere")) == {
        "elsewhere:hall": ["Guest"]
    }


async def test_a_place_that_hibernates_reports_who_is_there(kitchen):
    """Connections keep their names; who came back while dead is one person."""
    building = kitchen.other(Building, "main")
    dead = await kitchen.connect("1", query="name=Ada")
    await kitchen.connect("1", query="name=Ada")
    await kitchen.advance(seconds=0)
    await kitchen.hibernate()
    before = await seen_in(building)

    await dead.vanish()
    await kitchen.advance(minutes=1)

    assert before == await seen_in(building) == {"main:kitchen": ["Ada"]}


async def test_an_empty_place_is_forgotten_and_sets_no_alarm(kitchen):
    """Nothing of it stays in the building, and no alarm is set."""
    building = kitchen.other(Building, "main")
    ada = await kitchen.connect("1")
    await kitchen.advance(seconds=0)

    await ada.close()
    await kitchen.advance(seconds=0)

    assert (await seen_in(building), await building.stored()) == ({}, {})
    assert kitchen.alarm is None


async def test_a_report_that_changes_nothing_is_not_told(kitchen):
    """Every place repeats itself, in case that the building has forgotten it."""
    building = kitchen.other(Building, "main")
    await kitchen.connect("1")
    await kitchen.advance(seconds=0)
    guest = await building.connect("guest")

    await kitchen.advance(minutes=5)

    assert len(guest.received) == 1
    assert kitchen.alarm is not None


async def test_a_building_has_a_hundred_places_at_most(kitchen):
    """Anybody may make places: one too many is left out, until another is empty."""
    building = kitchen.other(Building, "main")
    stub = parties["building"].get("main")
    for number in range(MAX_PLACES):
        await stub.call("report", f"main:{number}", ["Ada"])

    await stub.call("report", "main:kitchen", ["Bob"])
    full = await seen_in(building)
    await stub.call("report", "main:0", [])
    await stub.call("report", "main:kitchen", ["Bob"])

    assert "main:kitchen" not in full
    assert (await seen_in(building))["main:kitchen"] == ["Bob"]


async def test_clients_cannot_report(kitchen):
    """What they send changes nothing, and they cannot ask by HTTP either."""
    building = kitchen.other(Building, "main")
    eve = await building.connect("eve")

    await eve.send('{"main:kitchen": ["Ada"]}')
    answer = await building.post(json={"report": ["main:kitchen", ["Ada"]]})

    assert answer.status_code == 404
    assert await seen_in(building) == {}
    with pytest.raises(CallFailed, match="no method 'on_start'"):
        await parties["building"].get("main").call("on_start")


@pytest.mark.parametrize("place", ["..:x", ".:x", ":x", "x"])
async def test_a_place_of_no_possible_building_is_in_main(kitchen, place):
    """A client chooses the place's name; its alarm does not fail for that."""
    await kitchen.other(Place, place).connect("1")

    await kitchen.advance(seconds=0)

    assert await seen_in(kitchen.other(Building, "main")) == {place: ["Guest"]}

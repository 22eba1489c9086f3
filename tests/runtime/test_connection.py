"""``Connection``: its tags, id and state, what it sends, and how it closes."""

import contextvars
import json
from enum import StrEnum

import pytest
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as st

from partyrooms import Room
from partyrooms.core.validation import MAX_STATE_SIZE
from partyrooms.json_text import json_text
from partyrooms.runtime.connection import Connections
from partyrooms.testing import running_room
from tests.runtime.stage import tell


class Lounge(Room):
    """Does what a message is; tags and errors are there to look at."""

    party = "lounge"
    hibernate = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.errors = []
        self.gone = []

    async def get_connection_tags(self, connection, ctx):
        return ctx.props.get("tags", ())

    async def on_message(self, message, sender):
        message(self, sender)

    async def on_close(self, connection):
        self.gone.append((connection.id, connection.close_code))

    async def on_exception(self, error, connection):
        self.errors.append(error)


@pytest.fixture
async def room():
    async with running_room(Lounge) as room:
        yield room


async def look(client, what):
    """What a function of room and connection gives in a turn."""
    seen = []
    await tell(client, lambda room, connection: seen.append(what(room, connection)))
    return seen[0]


def ids(room, tag=None):
    return [connection.id for connection in room.get_connections(tag)]


# Who is connected


async def test_r18_the_id_is_the_first_tag(room):
    """R18: and a tag that is given twice is one."""
    alice = await room.connect("alice", props={"tags": ["b", "a", "b"]})

    assert await look(alice, lambda room, me: me.tags) == ("alice", "b", "a")


async def test_r20_connections_are_found_by_tag_in_order_of_arrival(room):
    """R20: the id is a tag as well."""
    alice = await room.connect("alice", props={"tags": ["red"]})
    await room.connect("bob", props={"tags": ["blue", "red"]})
    await room.connect("carol")

    assert await look(alice, lambda room, me: ids(room)) == ["alice", "bob", "carol"]
    assert await look(alice, lambda room, me: ids(room, "red")) == ["alice", "bob"]
    assert await look(alice, lambda room, me: ids(room, "bob")) == ["bob"]
    assert await look(alice, lambda room, me: ids(room, "green")) == []


async def test_w5_of_two_with_one_id_the_newest_is_found(room):
    """W5: both are connected; when it leaves, the other one is found again."""
    first = await room.connect("alice")
    second = await room.connect("alice")

    def is_me(room, me):
        return room.get_connection("alice") is me

    both = await look(first, is_me), await look(second, is_me)
    everybody = await look(first, lambda room, me: ids(room))
    await second.close()

    assert both == (False, True)
    assert everybody == ["alice", "alice"]
    assert await look(first, is_me) is True


async def test_w5_r17_a_dropped_close_leaves_everybody_where_they_were(room):
    """W5, R17, R20: the newest of an id is still the newest, in all lists."""
    red = {"tags": ["red"]}
    clients = [await room.connect(id, props=red) for id in ("alice", "alice", "bob")]
    found = [
        lambda room, me: list(room.get_connections()),
        lambda room, me: list(room.get_connections("red")),
        lambda room, me: [room.get_connection("alice")],
    ]
    before = [await look(clients[0], what) for what in found]

    def closes_and_raises(room, me):
        for connection in before[0][:2]:
            connection.close(4000)
        raise ZeroDivisionError

    await tell(clients[2], closes_and_raises)

    assert [await look(clients[0], what) for what in found] == before
    assert [client.closed for client in clients] == [None] * 3


async def test_r20_a_tag_is_not_taken_for_an_id(room):
    """R20: get_connection asks for the id, though others may have it as a tag."""
    alice = await room.connect("alice", props={"tags": ["bob"]})

    assert await look(alice, lambda room, me: room.get_connection("bob")) is None


async def test_r20_connections_may_be_closed_while_they_are_walked_through(room):
    """R20: the walk goes on through those that were there."""
    clients = [await room.connect(id) for id in ("alice", "bob", "carol")]

    def close_all(room, me):
        for connection in room.get_connections():
            connection.close(4000)

    await tell(clients[0], close_all)

    assert [client.closed for client in clients] == [(4000, "")] * 3
    assert room.instance.errors == []


async def test_r20_what_is_walked_through_has_a_length(room):
    """R20, R31: of those that are left; it is an iterator as well."""
    clients = [
        await room.connect(id, props={"tags": tags})
        for id, tags in (("alice", ["red"]), ("bob", ["red"]), ("carol", []))
    ]

    def walk(room, me):
        red, all_of_them = room.get_connections("red"), room.get_connections()
        first = next(red)
        return first.id, len(red), len(all_of_them), bool(room.get_connections("blue"))

    assert await look(clients[0], walk) == ("alice", 1, 3, False)


@pytest.mark.parametrize("name", ["nickname", "state"])
async def test_r31_a_connection_takes_no_attributes_of_others(room, name):
    """R31: the error says how to keep something on it."""
    alice = await room.connect("alice")

    def keep(room, me):
        with pytest.raises(
            AttributeError, match=r"use connection\.set_state\("
        ) as told:
            setattr(me, name, "Ada")
        return str(told.value)

    assert name in await look(alice, keep)


class Plain:
    """As much of a connection as the lists look at."""

    def __init__(self, id, tags):
        self.id, self.tags = id, (id, *tags)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"), st.sets(st.sampled_from("abcxy")), st.booleans()
        ),
        max_size=12,
    )
)
def test_the_lists_of_connections_are_those_of_a_plain_list(steps):
    """Whoever comes and goes, with whatever ids and tags."""
    connections, plain = Connections(), []
    for id, tags, someone_leaves in steps:
        plain.append(Plain(id, tuple(tags - {id})))
        connections.add(plain[-1])
        if someone_leaves:
            leaver = plain.pop(len(plain) // 2)
            connections.discard(leaver)
            connections.discard(leaver)

        assert len(connections) == len(plain)
        assert list(connections.tagged(None)) == plain
        for tag in "abcxy":
            assert list(connections.tagged(tag)) == [p for p in plain if tag in p.tags]
            named = [p for p in plain if p.id == tag]
            assert connections.newest(tag) is (named[-1] if named else None)


# Its state


async def test_r32_a_state_read_is_a_copy(room):
    """R32: it starts as None, and changes by set_state only."""
    alice = await room.connect("alice")

    def change(room, me):
        start = me.state
        returned = me.set_state({"list": [1]})
        returned["list"].append(2)
        me.state["list"].append(3)
        return start, me.state

    assert await look(alice, change) == (None, {"list": [1]})


async def test_r32_a_function_makes_the_new_state_from_the_present_one(room):
    """R32: None clears it."""
    alice = await room.connect("alice")

    def change(room, me):
        me.set_state(1)
        counted = me.set_state(lambda state: state + 1)
        return counted, me.set_state(None), me.state

    assert await look(alice, change) == (2, None, None)


async def test_r32_a_dropped_turn_takes_back_its_own_state_only(room):
    """R32, R17, R23: what background work has set meanwhile was told, and stays."""
    alice = await room.connect("alice")

    def set_in_between(room, me):
        me.set_state("the hook's")
        contextvars.Context().run(me.set_state, "another's")
        raise ZeroDivisionError

    await tell(alice, set_in_between)

    assert await look(alice, lambda room, me: me.state) == "another's"


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("x" * (MAX_STATE_SIZE - 1), ValueError),
        ("é" * (MAX_STATE_SIZE // 2), ValueError),
        (float("nan"), ValueError),
        (object(), TypeError),
        (b"bytes", TypeError),
    ],
)
async def test_r32_a_state_that_is_refused_changes_nothing(room, value, error):
    """R32: 16 KiB as JSON, in UTF-8, quotes included."""
    alice = await room.connect("alice")

    def change(room, me):
        me.set_state("x" * (MAX_STATE_SIZE - 2))
        try:
            me.set_state(value)
        except Exception as raised:
            return type(raised), len(me.state)

    assert await look(alice, change) == (error, MAX_STATE_SIZE - 2)


async def test_r32_the_state_survives_hibernation(room):
    """R24, R32: with id, tags and uri."""
    alice = await room.connect("alice", props={"tags": ["red"]}, query="q=1")
    await look(alice, lambda room, me: me.set_state({"a": 1}))

    await room.hibernate()

    seen = await look(alice, lambda room, me: (me.state, me.id, me.tags, me.uri))
    assert seen == ({"a": 1}, "alice", ("alice", "red"), "/parties/lounge/test?q=1")


# What it sends, and how it closes


@pytest.mark.parametrize("message", [None, 1, ["x"], {"a": 1}, bytearray(b"x")])
async def test_r31_send_refuses_what_is_no_payload(room, message):
    """R31: the error names send_json."""
    alice = await room.connect("alice")

    await tell(alice, lambda room, me: me.send(message))

    (error,) = room.instance.errors
    assert isinstance(error, TypeError)
    assert "send_json() takes whatever JSON can hold" in str(error)
    assert alice.received == []


async def test_r33_a_closed_connection_is_closed_once(room):
    """R31, R33: what is sent to it afterwards is dropped, on_close hears the code."""
    alice = await room.connect("alice")

    def close(room, me):
        me.send("before")
        me.close(4001, "first")
        me.close(4002, "second")
        me.send("after")
        room.broadcast("to all")

    await tell(alice, close)

    assert (alice.received, alice.closed) == (["before"], (4001, "first"))
    assert room.instance.gone == [("alice", 4001)]


# What Django's templates and choices make


class Plan(StrEnum):
    """A ``str`` that is none to the codecs between processes."""

    FREE = "free"


async def test_r31_what_is_sent_is_a_str_itself(room):
    """R31, R19: a SafeString of a template is sent as the text that it is."""
    alice = await room.connect("alice")

    def send(room, me):
        me.send(mark_safe("<b>"))
        me.send(Plan.FREE)
        room.broadcast(Plan.FREE)
        room.broadcast(b"bytes", without=[Plan.FREE])

    await tell(alice, send)

    assert alice.received == ["<b>", "free", "free", b"bytes"]
    assert [type(one) for one in alice.received] == [str, str, str, bytes]


async def test_r31_half_an_emoji_is_no_text_of_a_frame(room):
    """R31: no frame could hold it; JSON escapes it, as JavaScript does."""
    alice = await room.connect("alice")

    await tell(alice, lambda room, me: me.send("\ud83d"))
    await tell(alice, lambda room, me: room.broadcast("\ud83d"))
    await tell(alice, lambda room, me: me.send_json(["\ud83d", "é"]))
    await tell(alice, lambda room, me: room.broadcast_json("\ud83d"))

    texts = [str(error) for error in room.instance.errors]
    assert texts[0].startswith("send() takes text that has UTF-8")
    assert texts[1].startswith("broadcast() takes text that has UTF-8")
    assert alice.received == ['["\\ud83d","\\u00e9"]', '"\\ud83d"']


@given(st.recursive(st.none() | st.booleans() | st.text(), st.lists, max_leaves=5))
def test_r31_a_json_text_is_what_json_reads(value):
    """R31: short, and in Unicode."""
    text = json_text(value)

    assert json.loads(text) == value
    assert "\\u00e9" not in json_text("é")

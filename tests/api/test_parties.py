"""Stubs: any room, addressed from anywhere in the process."""

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.http import HttpResponse, JsonResponse

from partyrooms import Room, parties
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import BadRoomId, RoomUnreachable, UnknownParty
from partyrooms.server.nodes import existing_node
from partyrooms.testing import running_room


class Parlor(Room):
    """Answers, keeps what it is sent, and says it to everybody."""

    party = "stub-parlor"

    async def get_connection_tags(self, connection, ctx):
        return ["guest"]

    async def on_message(self, message, sender):
        sender.set_state({"said": message})

    async def on_request(self, request):
        if request.method == "POST":
            self.storage.put("kept", request.data)
        return {
            "path": request.subpath,
            "query": dict(request.query_params),
            "header": request.headers.get("X-Kind"),
            "data": request.data,
            "kept": await self.storage.get("kept"),
            "user": request.user_id,
            "props": request.props,
        }


@pytest.fixture
async def room():
    async with running_room(Parlor, "lobby") as room:
        yield room


@pytest.fixture
def lobby(room):
    return parties["stub-parlor"].get("lobby")


def test_p1_a_stub_does_nothing_until_it_is_used():
    """P1: no event loop is needed to make one."""
    stub = parties["stub-parlor"].get("lobby")

    assert stub.key == RoomKey("stub-parlor", "lobby")
    assert repr(stub) == "<Stub stub-parlor/lobby>"
    assert repr(parties["stub-parlor"]) == "<Party stub-parlor>"


async def test_p1_nor_does_it_in_a_running_loop():
    """P1: no node is made for it."""
    parties["stub-parlor"].get("lobby")

    assert existing_node() is None


def test_r22_a_party_is_an_attribute_too():
    """R22: where its name is one."""

    class Salon(Room):
        party = "salon"

    assert parties.salon.name == "salon"
    assert not hasattr(parties, "no_such_party")
    assert not hasattr(parties, "_private")


def test_r22_a_party_that_nobody_registered_is_an_error():
    """R22: at once, and it lists those that exist."""
    with pytest.raises(UnknownParty, match="stub-parlor"):
        parties["no-such-party"]


@pytest.mark.parametrize("room_id", ["", "a/b", "..", "x" * 257])
def test_w4_a_room_id_that_cannot_be_is_an_error(room_id):
    """W4: before anything is started."""
    with pytest.raises(BadRoomId):
        parties["stub-parlor"].get(room_id)


async def test_w4_a_room_id_is_taken_as_it_is(room):
    """W4: not decoded, not normalised."""
    await parties["stub-parlor"].get("é%20").fetch(method="POST", json=1)
    same = await parties["stub-parlor"].get("é%20").fetch()
    other = await parties["stub-parlor"].get("é ").fetch()

    assert (same.data["kept"], other.data["kept"]) == (1, None)


async def test_p2_a_room_is_asked_by_fetch(lobby):
    """P2: with path, method, headers, JSON and query."""
    answer = await lobby.fetch(
        "/a%20b",
        method="POST",
        headers={"X-Kind": "odd"},
        json={"text": "hi"},
        query={"n": [1, 2]},
    )

    assert answer.status_code == 200
    assert answer.data == {
        "path": "/a b",
        "query": {"n": ["1", "2"]},
        "header": "odd",
        "data": {"text": "hi"},
        "kept": {"text": "hi"},
        "user": None,
        "props": {},
    }


async def test_p2_a_body_may_be_given_as_it_is(lobby):
    """P2: text or bytes, with a type of one's own."""
    kind = {"Content-Type": "application/json"}

    text = await lobby.fetch(method="POST", data="[1]", headers=kind)
    raw = await lobby.fetch(method="POST", data=b"[2]", headers=kind)

    assert (text.data["data"], raw.data["data"]) == ([1], [2])


async def test_p2_a_path_may_have_a_query(lobby):
    """P2: as in a URL; ``query=`` adds to it."""
    answer = await lobby.fetch("/a?b=1&c=%20", query={"b": 2})
    root = await lobby.fetch("/?b=1")

    assert (answer.data["path"], root.data["path"]) == ("/a", "")
    assert answer.data["query"] == {"b": ["1", "2"], "c": [" "]}
    assert root.data["query"] == {"b": ["1"]}


async def test_p2_a_body_may_be_a_form(lobby):
    """P2: the fields of a dict, as HTTP clients and Django's own take them."""
    answer = await lobby.fetch(method="PUT", data={"text": "a b", "n": [1, 2]})

    assert answer.data["data"] == {"text": "a b", "n": "2"}


async def test_p2_a_body_of_another_type_is_refused(lobby):
    """P2: the text says what may be given."""
    with pytest.raises(TypeError, match="bytes, str or the fields of a form, not list"):
        await lobby.fetch(method="POST", data=[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "no-slash"}, "begins with a slash"),
        ({"json": 1, "data": b"1"}, "one body"),
    ],
)
async def test_p2_a_request_that_cannot_be_is_named(lobby, options, message):
    """P2: before the room hears of it."""
    with pytest.raises(ValueError, match=message):
        await lobby.fetch(**options)


async def test_p4_everybody_hears_a_broadcast(room, lobby):
    """R19, P1: in the room's order; ids may be left out."""
    alice, bob = await room.connect("alice"), await room.connect("bob")

    await lobby.broadcast("all")
    await lobby.broadcast(b"some", without=["bob"])

    assert (alice.received, bob.received) == (["all", b"some"], ["all"])


@pytest.mark.parametrize("arguments", [({"a": 1},), ("hi", "bob")])
async def test_p4_a_broadcast_that_cannot_be_is_an_error_at_the_caller(
    lobby, arguments
):
    """R19: nothing reaches the room."""
    with pytest.raises(TypeError):
        await lobby.broadcast(*arguments)


async def test_p4_who_is_connected_can_be_asked(room, lobby):
    """P4: oldest first, with what is known of each."""
    alice = await room.connect("alice", query="v=1")
    await room.connect("bob")
    await alice.send("hi")

    found = await lobby.connections()

    assert [one["id"] for one in found] == ["alice", "bob"]
    assert found[0] == {
        "id": "alice",
        "user_id": None,
        "tags": ["alice", "guest"],
        "uri": "/parties/stub-parlor/lobby?v=1",
        "state": {"said": "hi"},
    }


async def test_p4_where_a_room_runs_can_be_asked(room, lobby):
    """P4: with its epoch, how many are connected, and since when."""
    await room.connect("alice")

    first = await lobby.info()
    await lobby.stop()
    second = await lobby.info()

    assert (first["owner"], first["connections"]) == ("test", 1)
    assert (first["epoch"], second["epoch"]) == (1, 2)
    assert first["since"] <= second["since"]


async def test_p4_a_room_is_stopped_and_deleted(room, lobby):
    """P4: a stop keeps what is stored."""
    alice = await room.connect("alice")
    await lobby.fetch(method="POST", json=1)

    await lobby.stop()
    kept = (await lobby.fetch()).data["kept"]
    await lobby.delete()

    assert (alice.closed[0], kept) == (1012, 1)
    assert (await lobby.fetch()).data["kept"] is None


async def test_p5_sync_code_uses_async_to_sync(lobby):
    """P5: as with a channel layer, where Django runs sync code: views, commands."""

    def work():
        return async_to_sync(lobby.fetch)("/x").data["path"]

    assert await sync_to_async(work)() == "/x"


async def test_p5_a_room_that_cannot_be_run_is_unreachable(room, lobby):
    """P5: and says so at once."""
    await room._node.close()

    with pytest.raises(RoomUnreachable):
        await room.get()


async def test_p2_an_answer_may_be_text_bytes_or_nothing():
    """H4, P2: with its type, and data only if it is JSON."""

    class Various(Room):
        party = "stub-various"

        async def on_request(self, request):
            return {"/text": "é", "/bytes": b"\xff", "/none": None}[request.subpath]

    async with running_room(Various):
        stub = parties["stub-various"].get("x")
        text = await stub.fetch("/text")
        raw = await stub.fetch("/bytes")
        none = await stub.fetch("/none")

    assert (text.text, text.data) == ("é", None)
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert (raw.content, raw.headers["content-type"]) == (
        b"\xff",
        "application/octet-stream",
    )
    assert (none.status_code, none.content) == (204, b"")
    assert repr(none) == "<StubResponse 204>"
    assert [chunk async for chunk in text] == ["é".encode()]
    text.close()


class Typed(Room):
    """Answers with bodies of many types."""

    party = "stub-typed"

    async def on_request(self, request):
        body, content_type = request.data
        if content_type is None:
            return JsonResponse({"got": body})
        return HttpResponse(body, content_type=content_type)


@pytest.mark.parametrize(
    ("answer", "data"),
    [
        ([1, None], {"got": 1}),
        (["[1]", "application/json; charset=utf-8"], [1]),
        (["[2]", "application/problem+json"], [2]),
        (["[3]", "text/plain"], None),
        (["[4", "application/json"], None),
        (["", "application/json"], None),
    ],
)
async def test_p2_e5_a_bodys_content_type_says_whether_it_is_json(answer, data):
    """P2, E5: whatever the room made it with; in the testing kit, too."""
    async with running_room(Typed, "one") as room:
        fetched = await parties["stub-typed"].get("one").fetch("/", "POST", json=answer)
        asked = await room.post(json=answer)

    assert (fetched.data, asked.data) == (data, data)

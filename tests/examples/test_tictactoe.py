"""The game's rules, and who may play."""

import json

import pytest
from django.test import RequestFactory

from examples.tictactoe.rooms import TicTacToe
from partyrooms import parties
from partyrooms.middleware import Lobby
from partyrooms.testing import running_room

ADA, BOB, EVE = ({"visitor": name} for name in ("ada", "bob", "eve"))


async def test_two_play_in_turns_and_spectators_look_on():
    """A mark and its moves belong to a session; a client cannot choose its session."""
    async with running_room(TicTacToe) as room:
        ada = await room.connect("1", query="seat=X", props={"visitor": "ada"})
        bob = await room.connect("2", query="seat=O", props={"visitor": "bob"})
        eve = await room.connect("X", query="seat=X", props={"visitor": "eve"})

        await bob.send("0")  # X begins
        await eve.send("0")  # and she is not X, whatever her id is
        await ada.send("4")
        await ada.send("5")
        await bob.send("4")
        await room.crash()
        ada = await room.connect("1", query="seat=X", props={"visitor": "ada"})

        assert json.loads(eve.received[0]) == {"you": "spectator"}
        assert json.loads(ada.received[0]) == {"you": "X"}
        assert json.loads(ada.received[1])["board"] == "....X...."
        assert json.loads(ada.received[1])["turn"] == "O"


@pytest.fixture
async def room():
    """A table where nobody sits yet."""
    async with running_room(TicTacToe) as room:
        yield room


def state_of(client):
    """What a client was last shown."""
    return json.loads(client.received[-1])


def role_of(client):
    """What a client was told that it is."""
    return json.loads(client.received[0])["you"]


async def sit(room, id, mark, props):
    """Come in for a seat."""
    return await room.connect(id, query=f"seat={mark}", props=props)


async def test_a_game_is_won_and_begins_anew_when_a_player_says_so(room):
    """Not by a spectator, and not before its end."""
    ada, bob = await sit(room, "1", "X", ADA), await sit(room, "2", "O", BOB)
    eve = await room.connect("3", props=EVE)
    await ada.send("0")
    await ada.send("again")
    for player, cell in [(bob, "3"), (ada, "1"), (bob, "4"), (ada, "2"), (bob, "5")]:
        await player.send(cell)
    won = state_of(eve)

    await eve.send("again")
    still_won = state_of(bob)
    await bob.send("again")

    assert (won["board"], won["line"], won["turn"]) == ("XXXOO....", [0, 1, 2], None)
    assert still_won == won
    assert (state_of(ada)["board"], state_of(ada)["turn"]) == ("." * 9, "X")


async def test_a_full_board_is_a_draw(room):
    """One visitor may hold both seats, and play against herself."""
    players = [await sit(room, mark, mark, ADA) for mark in "XO"]

    for number, cell in enumerate("012435768"):
        await players[number % 2].send(cell)

    assert state_of(players[0])["board"] == "XOXXOOOXX"
    assert (state_of(players[0])["turn"], state_of(players[0])["line"]) == (None, None)


async def test_a_seat_waits_for_its_player_until_somebody_takes_it(room):
    """Who has left may come back; who comes back too late looks on."""
    ada = await sit(room, "1", "X", ADA)
    early = await sit(room, "2", "X", EVE)
    await ada.vanish()
    back = await sit(room, "1", "X", ADA)
    await back.close()
    eve = await sit(room, "2", "X", EVE)
    late = await sit(room, "1", "X", ADA)

    roles = [role_of(client) for client in (early, back, eve, late)]
    assert roles == ["spectator", "X", "X", "spectator"]


async def test_a_player_who_is_here_twice_is_one_player(room):
    """A page that came back has its id twice, until the dead connection is noticed."""
    dead, back = await sit(room, "1", "X", ADA), await sit(room, "1", "X", ADA)
    await back.send("0")

    await dead.vanish()

    assert role_of(back) == "X"
    assert state_of(back)["players"] == ["X"]
    assert state_of(back)["board"] == "X........"


async def test_a_sleeping_room_knows_its_players(room):
    """Tags stay with the connections, the game and whose the seats are is stored."""
    ada, bob = await sit(room, "1", "X", ADA), await sit(room, "2", "O", BOB)
    await room.connect("3")
    await ada.send("8")

    await room.hibernate()
    await ada.send("7")
    await bob.send("0")

    assert state_of(ada)["board"] == "O.......X"
    assert state_of(ada)["players"] == ["O", "X"]
    assert state_of(ada)["spectators"] == 1
    await room.hibernate()
    assert role_of(await sit(room, "1", "X", ADA)) == "X"
    assert role_of(await sit(room, "2", "X", BOB)) == "spectator"


@pytest.mark.parametrize("query", ["", "seat=", "seat=XO", "seat=spectator", "seat=Z"])
async def test_who_asks_for_no_seat_looks_on(room, query):
    """So does who asks for one that does not exist."""
    assert role_of(await room.connect("1", query=query, props=ADA)) == "spectator"


async def test_who_has_no_session_looks_on(room):
    """A seat is somebody's: without a session nobody could come back to it."""
    assert role_of(await room.connect("1", query="seat=X")) == "spectator"


@pytest.mark.parametrize(
    "frame", ["", "9", "-1", "01", "0 ", "²", "null", "AGAIN", b"0", b"again", b"\xff"]
)
async def test_nonsense_changes_nothing(room, frame):
    """Nobody hears of it, and its sender stays."""
    ada = await sit(room, "1", "X", ADA)
    ada.received.clear()

    await ada.send(frame)

    assert (ada.received, ada.closed) == ([], None)


def test_the_hook_tells_visitors_by_their_session():
    """Whatever the client says; without a session it says nothing."""
    props = []
    for session in ({"visitor": "secret"}, {}):
        request = RequestFactory().get("/parties/tictactoe/test?visitor=me")
        request.session, request.props = session, {}
        TicTacToe.on_before_connect(request, Lobby("tictactoe", "test", parties))
        props.append(request.props)

    assert props == [{"visitor": "secret"}, {"visitor": None}]

"""The poll's rules."""

import json

import pytest
from django.test import RequestFactory

from examples.poll.rooms import Poll
from partyrooms import parties
from partyrooms.middleware import Lobby
from partyrooms.testing import running_room

LUNCH = {"question": "Lunch?", "options": ["Pizza", "Soup"], "minutes": 10}
ADA, BOB = {"voter": "ada"}, {"voter": "bob"}


async def test_an_alarm_closes_the_poll_of_a_room_that_hibernates():
    """Votes come by HTTP; connected clients see them, and the end of the poll."""
    question = {"question": "Lunch?", "options": ["Pizza", "Soup"], "minutes": 10}
    async with running_room(Poll) as room:
        ada = await room.connect("ada")
        await room.post(json=question)
        await room.post("/votes", json={"option": 1}, props={"voter": "ada"})
        await room.post("/votes", json={"option": 0}, props={"voter": "bob"})
        await room.post("/votes", json={"option": 1}, props={"voter": "bob"})

        await room.hibernate()
        await room.advance(minutes=10)
        late = await room.post("/votes", json={"option": 0}, props={"voter": "eve"})

        shown = json.loads(ada.received[-1])
        assert (shown["counts"], shown["poll"]["is_open"]) == ({"1": 2}, False)
        assert late.status_code == 400


async def test_everyone_has_one_vote_which_the_hook_tells_apart():
    """The same voter's second vote replaces the first; nobody learns who voted what."""
    async with running_room(Poll) as room:
        ada = await room.connect("ada")
        await room.post(json=LUNCH)
        first = await room.post("/votes", json={"option": 0}, props=ADA)
        second = await room.post("/votes", json={"option": 1}, props=ADA)
        other = await room.get(props=BOB)

    assert (first.data["counts"], first.data["yours"]) == ({"0": 1}, 0)
    assert (second.data["counts"], second.data["yours"]) == ({"1": 1}, 1)
    assert (other.data["counts"], other.data["yours"]) == ({"1": 1}, None)
    assert "yours" not in json.loads(ada.received[-1])


async def test_poll_votes_and_alarm_survive_a_crash():
    """All of it is stored."""
    async with running_room(Poll) as room:
        await room.post(json=LUNCH)
        await room.post("/votes", json={"option": 1}, props=ADA)
        await room.crash()
        open_still = await room.get(props=ADA)
        await room.crash()

        await room.advance(minutes=10)
        closed = await room.get(props=ADA)

    assert open_still.data["poll"]["is_open"]
    assert not closed.data["poll"]["is_open"]
    assert closed.data["counts"] == {"1": 1}


async def test_the_next_question_waits_for_the_end_of_the_present_one():
    """Then it takes its place, and the votes start anew."""
    async with running_room(Poll) as room:
        await room.post(json=LUNCH)
        await room.post("/votes", json={"option": 1}, props=ADA)
        early = await room.post(json={**LUNCH, "question": "Dinner?"})
        await room.advance(minutes=10)

        await room.post(json={**LUNCH, "question": "Dinner?"})
        asked = await room.get(props=ADA)

        assert early.status_code == 400
        assert asked.data["poll"]["question"] == "Dinner?"
        assert (asked.data["counts"], asked.data["yours"]) == ({}, None)
        assert set(await room.stored()) == {"poll"}
        assert room.alarm is not None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        *(("/votes", {"option": option}) for option in (-1, 2, "x", None, [0], 2**70)),
        *(("/votes", body) for body in ({}, [], [0], "0")),
        *(("/", body) for body in ([], {}, {"question": "?"})),
        ("/", {**LUNCH, "options": ["only one"]}),
        ("/", {**LUNCH, "options": ["x"] * 7}),
        ("/", {**LUNCH, "question": "x" * 141}),
        ("/", {**LUNCH, "minutes": 0}),
    ],
)
async def test_nonsense_is_refused(path, body):
    """With 400; nothing changes and nobody hears of it."""
    async with running_room(Poll) as room:
        if path == "/votes":
            await room.post(json=LUNCH)
        ada = await room.connect("ada")
        before = await room.stored()

        answer = await room.post(path, json=body, props=ADA)
        await ada.send('{"option": 0}')

        assert answer.status_code == 400
        assert len(ada.received) == 1
        assert await room.stored() == before


async def test_other_requests_are_not_found():
    """There is nothing to delete."""
    async with running_room(Poll) as room:
        answers = [await room.request("DELETE"), await room.post("/elsewhere")]

    assert [answer.status_code for answer in answers] == [404, 404]


async def test_only_who_has_seen_the_page_votes():
    """It gives the session that tells voters apart; the answer is 403."""
    async with running_room(Poll) as room:
        await room.post(json=LUNCH)
        before = await room.stored()

        answer = await room.post("/votes", json={"option": 0}, props={"voter": None})

        assert answer.status_code == 403
        assert await room.stored() == before


@pytest.mark.parametrize(
    ("session", "voter"), [({"visitor": "ada"}, "ada"), ({}, None)]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_hook_only_reads_the_session(method, session, voter):
    """Whatever the client says; a flood without cookies stores no sessions."""
    before = dict(session)
    request = RequestFactory().generic(method, "/parties/poll/test?voter=me")
    request.session, request.props = session, {}

    Poll.on_before_request(request, Lobby("poll", "test", parties))

    assert request.props["voter"] == voter
    assert session == before

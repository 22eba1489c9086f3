"""The counter's rules."""

from examples.counter.rooms import Counter
from partyrooms.testing import running_room


async def test_websocket_and_http_share_the_count():
    """Each client receives the count and every change, however it was made."""
    async with running_room(Counter) as room:
        ada = await room.connect("ada")
        await ada.send("+1")
        answer = await room.post()

    assert ada.received == ['{"count":0}', '{"count":1}', '{"count":2}']
    assert answer.data == {"count": 2}


async def test_the_count_survives_a_crash():
    """What was seen is stored."""
    async with running_room(Counter) as room:
        await room.post()
        await room.crash()

        assert (await room.get()).data == {"count": 1}


async def test_server_sent_events_follow_the_count():
    """For who accepts them: the count now, and each change, behind its commit."""
    accept = {"Accept": "text/event-stream"}
    async with running_room(Counter) as room:
        response = await room.get(headers=accept, stream=True)
        events = aiter(response)
        first = await anext(events)

        await room.post()
        second = await anext(events)
        response.close()

    assert (first, second) == (b"data: 0\n\n", b"data: 1\n\n")


async def test_anything_else_changes_nothing():
    """Frames that do not say +1, and methods other than GET and POST."""
    async with running_room(Counter) as room:
        ada = await room.connect("ada")
        await ada.send("+2")
        await ada.send(b"+1")
        answer = await room.request("DELETE")

        assert answer.status_code == 405
        assert (await room.get()).data == {"count": 0}

"""A client's socket and its room: what is put into the room's inbox, and how often."""

from types import SimpleNamespace

import pytest

from partyrooms.core.frames import Profile
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.attachment import Attachment
from partyrooms.delivery.local_audience import LocalAudience
from partyrooms.delivery.socket_table import SocketTable

KEY = RoomKey("chat", "tea")


class Inbox:
    """Notes what is put in."""

    def __init__(self):
        self.events = []

    def connect(self, socket, context, chain):
        self.events.append("connect")

    def closed(self, socket, closing, was_clean):
        self.events.append((closing, was_clean))


class Observer:
    """Needs to know nothing."""

    def ending(self):
        pass


@pytest.fixture
async def attachment():
    """Of a client whose room is a list."""
    inbox, audience = Inbox(), LocalAudience()
    cluster = SimpleNamespace(
        inbox=lambda key: inbox,
        local_audience=lambda key: audience,
        attach=lambda socket: None,
    )
    settings = SimpleNamespace(max_queued_bytes=1000)
    rooms = SimpleNamespace(sockets=SocketTable())
    node = SimpleNamespace(cluster=cluster, settings=settings, rooms=rooms)
    profile = Profile(id="alice", uri="/", user_id=None)

    async def send(event):
        pass

    return Attachment(
        node, KEY, profile, observer=Observer(), send=send, accept_event={}
    )


async def test_r13_the_end_is_reported_once(attachment):
    """R13: on_close is called once, whatever ends the socket first."""
    attachment.connect(None)
    attachment.report((1000, "bye"), was_clean=True)
    attachment.leave((1006, ""), was_clean=False)

    assert attachment.inbox.events == ["connect", ((1000, "bye"), True)]


async def test_r13_a_socket_that_never_connected_is_not_reported(attachment):
    """R13: on_close is for connections that reached on_connect."""
    attachment.leave((1006, ""), was_clean=False)

    assert attachment.inbox.events == []


async def test_r13_a_dropped_socket_is_not_reported(attachment):
    """R13: its room has ended it, and wants to hear no more."""
    attachment.connect(None)
    attachment.socket.is_dropped = True
    attachment.leave((1006, ""), was_clean=False)

    assert attachment.inbox.events == ["connect"]

"""The hooks of docs/reference/room.md, run as the one class that they are."""

import logging
import textwrap

from django.contrib.auth.models import User

from partyrooms import Room
from partyrooms.exceptions import RateExceeded
from partyrooms.testing import running_room
from tests.docs.pages import blocks_of
from tests.servers.database import ROOT

HOOKS = [
    block.text
    for block in blocks_of(ROOT / "docs" / "reference" / "room.md")
    if block.text.startswith("async def ")
]


def hooks_of_the_page():
    """The class that the page's samples make."""
    body = textwrap.indent("\n".join(HOOKS), "    ")
    names = {"Room": Room, "logger": logging.getLogger("chat")}
    exec(f"class Documented(Room):\n{body}", names)  # noqa: S102
    return names["Documented"]


Documented = hooks_of_the_page()


async def test_the_hooks_of_the_page_make_a_chat():
    """Names, a history, and who has left; staff are found by their tag."""
    async with running_room(Documented) as room:
        staff = User(pk=1, is_staff=True)
        ada = await room.connect("ada", user=staff, query="name=Ada")
        bob = await room.connect("bob", query="name=Bob")

        await ada.send("hi")
        tagged = [each.id for each in room.instance.get_connections("staff")]
        await ada.close()
        answer = await room.get()

        assert bob.received == ["[]", '["Ada: hi"]', '["Ada left (1000)"]']
        assert ada.received == ["[]"]
        assert tagged == ["ada"]
        assert answer.data == {"messages": ["Ada: hi"]}


async def test_the_errors_of_the_page_are_logged(caplog):
    """``on_error`` and ``on_exception`` write to the project's own logger."""
    async with running_room(Documented) as room:
        ada = await room.connect("ada")
        connection = room.instance.get_connection("ada")

        await room.instance.on_error(connection, RateExceeded())
        room.instance.messages = None
        await ada.send("hi")

    assert [record.name for record in caplog.records] == ["chat", "chat"]
    assert "1008" in caplog.messages[0]
    assert caplog.records[1].exc_info is not None

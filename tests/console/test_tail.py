"""``manage.py rooms tail``: a room is followed by its row."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from partyrooms.core.keys import RoomKey
from partyrooms.core.values import encode
from partyrooms.management.console.tail import changes
from partyrooms.models import Entry, Node, RoomRecord

pytestmark = pytest.mark.django_db


def test_o11_a_room_is_followed():
    """O11: first all that is known, then what has changed; else nothing."""
    room = RoomRecord.objects.create(party="chat", room_id="tea")

    def start():
        owner = Node.objects.create(host="elsewhere", pid=42)
        RoomRecord.objects.update(owner=owner, epoch=1)

    def commit():
        Entry.objects.create(room=room, key=b"a", value=encode(1))
        RoomRecord.objects.update(version=1)

    steps = iter([start, lambda: None, commit, lambda: room.delete()])
    seen = changes(
        RoomRecord.objects.all(), RoomKey("chat", "tea"), lambda: next(steps)()
    )

    assert next(seen) == {
        **{"owner": "nobody", "epoch": 0, "version": 0, "alarm": "none"},
        **{"locked": False, "entries": 0, "bytes": 0},
    }
    assert next(seen) == {"owner": "process 42 (alive)", "epoch": 1}
    assert next(seen) == {"version": 1, "entries": 1, "bytes": 2}
    with pytest.raises(CommandError, match="There is no room chat/tea"):
        next(seen)


def test_o11_a_tail_ends_when_it_is_interrupted(monkeypatch):
    """O11: without a traceback; a program gets an object for each change."""

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("partyrooms.management.commands.rooms.time.sleep", interrupt)
    RoomRecord.objects.create(party="chat", room_id="tea")
    output = StringIO()

    call_command("rooms", "tail", "chat/tea", "--json", stdout=output)

    assert json.loads(output.getvalue())["owner"] == "nobody"

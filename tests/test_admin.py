"""The admin pages for rooms and nodes: bounded, escaped, and read-only."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from partyrooms import Room, registry
from partyrooms.admin import SHOWN_ENTRIES
from partyrooms.core.values import encode
from partyrooms.models import CronRecord, Entry, Node, RoomRecord

pytestmark = pytest.mark.django_db

LIST = "admin:partyrooms_roomrecord_changelist"
ONE = "admin:partyrooms_roomrecord_change"
DELETE = "admin:partyrooms_roomrecord_delete"
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def classes(monkeypatch):
    """The classes of a test are gone after it."""
    monkeypatch.setattr(registry, "_classes", dict(registry._classes))


def make_room(room_id="lobby", owner=None, **values):
    room = RoomRecord.objects.create(party="chat", room_id=room_id, owner=owner)
    for key, value in values.items():
        Entry.objects.create(room=room, key=key.encode(), value=encode(value))
    return room


def living():
    return Node.objects.create(host="elsewhere", pid=42)


def page(client, name, *args, **query):
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_a_room_is_shown_with_its_decoded_entries(admin_client):
    """Row, sizes, keys and values."""
    room = make_room(owner=living(), topic={"a": (1, 2)})

    html = page(admin_client, ONE, room.pk)

    assert "topic" in html
    assert "{&#x27;a&#x27;: (1, 2)}" in html
    assert "process 42 (alive)" in html


def test_what_rooms_store_is_escaped(admin_client):
    """Keys and values come from clients."""
    room = make_room(**{"<script>k": "<script>v"})

    html = page(admin_client, ONE, room.pk)

    assert "<script>k" not in html
    assert "<script>v" not in html
    assert "&lt;script&gt;v" in html


def test_values_are_cut(admin_client):
    """A kilobyte tells what it is."""
    room = make_room(long="x" * 5000)

    html = page(admin_client, ONE, room.pk)

    assert "x" * 1000 in html
    assert "x" * 1025 not in html


def test_bytes_that_nobody_can_decode_are_shown_as_such(admin_client):
    """A page about a broken room must not break."""
    room = make_room()
    Entry.objects.create(room=room, key=b"\xff\x1b", value=b"\xc1")

    html = page(admin_client, ONE, room.pk)

    assert "1 bytes that cannot be decoded" in html
    assert "\x1b" not in html


def test_a_room_with_many_entries_shows_the_first_ones(admin_client):
    """The page has a bound and says what it left out."""
    room = make_room(**{f"k{n:04}": n for n in range(SHOWN_ENTRIES + 3)})

    html = page(admin_client, ONE, room.pk)

    assert html.count("<th scope=row>") == SHOWN_ENTRIES
    assert "and 3 more" in html


def test_the_list_takes_as_many_queries_for_many_rooms(admin_client):
    """Owners and sizes come with the rows."""
    counts = []
    for rooms in (1, 20):
        for number in range(rooms):
            make_room(f"{rooms}-{number}", owner=living(), a=1)
        with CaptureQueriesContext(connection) as queries:
            page(admin_client, LIST)
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.parametrize("query", ["lobby", "chat/lobby", "chat/lo"])
def test_rooms_are_found_by_id_and_by_key(admin_client, query):
    """A key can be pasted as a log shows it."""
    make_room("lobby")
    make_room("kitchen")

    html = page(admin_client, LIST, q=query)

    assert "chat/lobby" in html
    assert "chat/kitchen" not in html


def test_a_room_cannot_be_added_or_changed(admin_client):
    """Its owner's memory would not hear of it."""
    room = make_room()

    added = admin_client.get(reverse("admin:partyrooms_roomrecord_add"))
    changed = admin_client.post(reverse(ONE, args=[room.pk]), {"party": "x"})

    assert (added.status_code, changed.status_code) == (403, 403)


@pytest.mark.parametrize("state", [None, "dead"])
def test_a_room_that_nobody_alive_owns_can_be_deleted(admin_client, state):
    """With its entries."""
    owner = state and Node.objects.create(host="elsewhere", pid=1, state=state)
    room = make_room(owner=owner, a=1)

    admin_client.post(reverse(DELETE, args=[room.pk]), {"post": "yes"})

    assert not RoomRecord.objects.exists()
    assert not Entry.objects.exists()


def test_a_room_with_a_living_owner_cannot_be_deleted(admin_client):
    """Neither on its page nor with the action of the list."""
    room = make_room(owner=living())

    single = admin_client.post(reverse(DELETE, args=[room.pk]), {"post": "yes"})
    admin_client.post(
        reverse(LIST),
        {"action": "delete_selected", "_selected_action": [room.pk], "post": "yes"},
    )

    assert single.status_code == 403
    assert RoomRecord.objects.exists()


def test_looking_needs_no_more_than_the_view_permission(client):
    """And deleting needs its own."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_roomrecord"))
    client.force_login(user)
    room = make_room()

    html = page(client, ONE, room.pk)
    deleted = client.post(reverse(DELETE, args=[room.pk]), {"post": "yes"})

    assert "lobby" in html
    assert deleted.status_code == 403


def test_o3_what_a_room_stores_needs_a_permission_of_its_own(client):
    """O3: nobody sees entries without view_room_contents, wherever they look."""
    user = User.objects.create_user("viewer", is_staff=True)
    for name in ("view_roomrecord", "delete_roomrecord"):
        user.user_permissions.add(Permission.objects.get(codename=name))
    client.force_login(user)
    room = make_room(diagnosis="a secret")

    before = page(client, LIST) + page(client, ONE, room.pk)
    before += page(client, DELETE, room.pk)
    contents = Permission.objects.get(codename="view_room_contents")
    user.user_permissions.add(contents)
    after = page(client, ONE, room.pk)

    assert "diagnosis" not in before
    assert "secret" not in before
    assert "a secret" in after


def test_o3_a_locked_room_is_shown_and_found(admin_client):
    """O3: it is locked and unlocked by manage.py rooms."""
    RoomRecord.objects.filter(pk=make_room("shut").pk).update(locked=True)
    make_room("open")

    found = page(admin_client, LIST, locked__exact=1)

    assert "chat/shut" in found
    assert "chat/open" not in found


def fail_alarm(room):
    RoomRecord.objects.filter(pk=room.pk).update(
        alarm_at=NOON, alarm_attempts=7, alarm_failed=True, alarm_error="<b>no</b>"
    )


def retry(client, *rooms):
    chosen = [room.pk for room in rooms]
    data = {"action": "retry_alarms", "_selected_action": chosen}
    return client.post(reverse(LIST), data, follow=True).content.decode()


def test_r40_a_failed_alarm_is_shown_with_its_error(admin_client):
    """R40: and can be filtered for; errors may hold what clients sent."""
    broken, _ = make_room("broken"), make_room("well")
    fail_alarm(broken)

    found = page(admin_client, LIST, alarm_failed__exact=1)
    html = page(admin_client, ONE, broken.pk)

    assert "chat/broken" in found
    assert "chat/well" not in found
    assert "&lt;b&gt;no&lt;/b&gt;" in html
    assert "Jan. 1, 2030" in html


def test_r40_failed_alarms_are_retried_by_an_action(admin_client):
    """R40: at once, with all attempts anew; others are left alone."""
    broken, well = make_room("broken"), make_room("well")
    fail_alarm(broken)
    RoomRecord.objects.filter(pk=well.pk).update(alarm_at=NOON)

    html = retry(admin_client, broken, well)

    broken.refresh_from_db()
    well.refresh_from_db()
    assert "1 failed alarms are retried." in html
    assert (broken.alarm_failed, broken.alarm_attempts) == (False, 0)
    assert abs(broken.alarm_at - now()) < timedelta(minutes=10)
    assert well.alarm_at == NOON


def test_retrying_needs_the_permission_to_change(client):
    """Looking is not enough."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_roomrecord"))
    client.force_login(user)
    room = make_room()
    fail_alarm(room)

    retry(client, room)
    user.user_permissions.add(Permission.objects.get(codename="change_roomrecord"))
    before = RoomRecord.objects.get().alarm_failed
    retry(client, room)

    assert before
    assert not RoomRecord.objects.get().alarm_failed


def test_b10_crons_are_shown_with_their_last_tick(admin_client):
    """B10: who ran it, and what it raised; one that no class has can be deleted."""

    class Report(Room):
        crons = {"nightly": "0 3 * * *"}  # noqa: RUF012

        @classmethod
        async def on_cron(cls, cron, lobby):
            pass

    common = {"party": "report", "expression": "0 3 * * *", "scheduled_at": NOON}
    known = CronRecord.objects.create(
        name="nightly", runner=living(), error="<b>no</b>", **common
    )
    gone = CronRecord.objects.create(name="gone", **common)

    html = page(admin_client, "admin:partyrooms_cronrecord_changelist")
    for one in (known, gone):
        one.html = page(admin_client, "admin:partyrooms_cronrecord_change", one.pk)
        one.deleted = admin_client.post(
            reverse("admin:partyrooms_cronrecord_delete", args=[one.pk]),
            {"post": "yes"},
        )

    assert "report/nightly" in html
    assert "process 42 (alive)" in html
    assert "&lt;b&gt;no&lt;/b&gt;" in html
    assert "Jan. 1, 2030" in known.html
    assert (known.deleted.status_code, gone.deleted.status_code) == (403, 302)
    assert CronRecord.objects.get().name == "nightly"


def test_nodes_are_listed_with_their_rooms(admin_client):
    """They cannot be deleted: they come and go by themselves."""
    node = Node.objects.create(host="elsewhere", pid=os.getpid())
    make_room("a", owner=node)
    make_room("b", owner=node)

    html = page(admin_client, "admin:partyrooms_node_changelist")
    deleted = admin_client.post(
        reverse("admin:partyrooms_node_delete", args=[node.pk]), {"post": "yes"}
    )

    assert 'class="field-room_count">2<' in html
    assert deleted.status_code == 403

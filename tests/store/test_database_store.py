"""What the database store promises beyond the contract: cost, errors, clean ends."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import InterfaceError, OperationalError, connection

from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.writes import WriteSet
from partyrooms.exceptions import StoreUnavailable
from partyrooms.models import Node, RoomRecord
from partyrooms.nodes.membership import Membership
from partyrooms.ports.records import Outcome, RoomCommit
from partyrooms.store.alarms import find_due
from partyrooms.store.claims import RoomClaims
from partyrooms.store.crons import CronRows
from partyrooms.store.database import DatabaseStore
from partyrooms.store.rows import RoomRows
from partyrooms.store.seats import find_deserted
from tests.deadline import DEADLINE

LOBBY = RoomKey("chat", "lobby")
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def membership():
    """A node that never gets to its first heartbeat."""
    membership = Membership(
        uuid4(), database="default", heartbeat_interval=60.0, lease_ttl=300.0
    )
    yield membership
    membership.close()


@pytest.fixture
def rows(membership):
    """What rooms store, in the name of that node."""
    return RoomRows(membership.node_id, "default")


def claimed(membership, key=LOBBY):
    return RoomClaims(membership).claim(key)


def due(membership, *, until=NOW, now=NOW):
    parties = ["chat", "x"]
    return find_due(
        "default", membership.node_id, until, now=now, parties=parties, limit=5
    )


def puts(claims, value=b"1", version=0):
    commits = []
    for claim in claims:
        writes = WriteSet()
        writes.put(b"a", value)
        commits.append(RoomCommit(claim=claim, version=version, writes=writes))
    return commits


@pytest.mark.parametrize("rooms", [1, 50])
def test_a_commits_statements_do_not_grow_with_its_rooms(
    membership, rows, rooms, django_assert_num_queries
):
    """BEGIN, one lock, one fence, one upsert, COMMIT; two more for alarms."""
    claims = [claimed(membership, RoomKey("chat", f"r{n}")) for n in range(rooms)]
    others = [claimed(membership, RoomKey("chat", f"s{n}")) for n in range(rooms)]
    batch = puts(claims, version=1) + puts(others)
    for number, commit in enumerate(batch):
        is_set = number < rooms
        at = NOW + timedelta(seconds=number)
        commit.writes.alarm = Alarm(at=at) if is_set else None

    with django_assert_num_queries(5):
        rows.commit(puts(claims))
    with django_assert_num_queries(7):
        rows.commit(batch)


def test_r40_a_poll_is_one_query_on_an_index(
    membership, rows, django_assert_num_queries
):
    """R40: whatever else is in the table."""
    commits = puts([claimed(membership)])
    commits[0].writes.alarm = Alarm(at=NOW)
    rows.commit(commits)

    with django_assert_num_queries(1) as queries:
        found = due(membership)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {queries[0]['sql']}")
        plan = [row[-1] for row in cursor.fetchall()]

    assert [one.key for one in found] == [LOBBY]
    parts = [step for step in plan if "INDEX partyrooms_alarms (owner_id=?" in step]
    # Of no node, of this one, and of dead ones.
    ordered = "(owner_id=? AND party=? AND alarm_at<?)"
    assert [ordered in part for part in parts] == [True, True, True]
    assert not any(step.startswith("SCAN partyrooms_") for step in plan)


def test_r40_no_party_is_starved_by_one_with_more_due_than_may_be_taken(
    membership, rows
):
    """R40: its oldest alarm comes first, though its name stands behind in the index."""
    claims = [claimed(membership, RoomKey("chat", str(n))) for n in range(6)]
    claims.append(claimed(membership, RoomKey("x", "late")))
    commits = puts(claims)
    for number, commit in enumerate(commits):
        commit.writes.alarm = Alarm(at=NOW - timedelta(seconds=number))
    rows.commit(commits)
    RoomRecord.objects.update(owner=None)

    found = due(membership)

    assert len(found) == 5
    assert found[0].key == RoomKey("x", "late")


@pytest.mark.parametrize("count", [1, 50])
def test_b10_the_statements_that_make_crons_known_do_not_grow_with_their_number(
    membership, count, django_assert_num_queries
):
    """B10: BEGIN, INSERT, one look, COMMIT; an UPDATE if expressions have changed."""
    crons = CronRows(membership)
    hourly = {("chat", f"c{n}"): "0 * * * *" for n in range(count)}

    with django_assert_num_queries(4):
        crons.introduce(hourly, NOW)
    with django_assert_num_queries(5):
        crons.introduce(dict.fromkeys(hourly, "5 * * * *"), NOW)


def test_r13_a_look_for_deserted_rooms_is_one_query_on_an_index(
    django_assert_num_queries,
):
    """R13: whatever rooms there are, asleep or not; nobody has to read them."""
    with django_assert_num_queries(1) as queries:
        found = find_deserted("default", now=NOW, parties=["chat", "x"], limit=5)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {queries[0]['sql']}")
        plan = [row[-1] for row in cursor.fetchall()]

    assert found == []
    parts = [step for step in plan if "INDEX partyrooms_seats_of_nodes (node" in step]
    assert ["(node_id=? AND party=?)" in part for part in parts] == [True, True]
    assert not any(step.startswith("SCAN partyrooms_") for step in plan)


def test_r40_a_room_in_quarantine_is_left_out(membership, rows):
    """R40: until its pause is over."""
    commits = puts([claimed(membership)])
    commits[0].writes.alarm = Alarm(at=NOW)
    rows.commit(commits)
    RoomRecord.objects.update(quarantined_until=NOW + timedelta(seconds=1))

    after = due(membership, now=NOW + timedelta(seconds=1))

    assert due(membership) == []
    assert [one.key for one in after] == [LOBBY]


@pytest.mark.parametrize("use_tz", [True, False])
def test_s10_times_are_the_same_moments_whatever_use_tz_says(
    membership, rows, settings, use_tz
):
    """S10: the column holds what the project's models hold."""
    settings.USE_TZ = use_tz
    settings.TIME_ZONE = "Asia/Tokyo"
    claim = claimed(membership)
    commits = puts([claim])
    commits[0].writes.alarm = Alarm(at=NOW)
    rows.commit(commits)

    found = due(membership)
    too_early = NOW - timedelta(microseconds=1)

    assert rows.alarm(claim.record) == Alarm(at=NOW)
    assert [one.at for one in found] == [NOW]
    assert due(membership, until=too_early) == []
    local = NOW.astimezone(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None)
    assert RoomRecord.objects.get().alarm_at == (NOW if use_tz else local)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
async def test_a_database_that_is_away_is_unavailable_and_may_be_asked_again(
    membership, error, monkeypatch
):
    """The error is chained and the next call has a new connection."""
    store = DatabaseStore(membership)
    claim = await store.claim(LOBBY)
    commit = RoomRows.commit

    def fail_once(self, batch):
        monkeypatch.setattr(RoomRows, "commit", commit)
        raise error("away")

    monkeypatch.setattr(RoomRows, "commit", fail_once)
    with pytest.raises(StoreUnavailable, match=r"'default'.*away") as caught:
        await store.commit(puts([claim]))
    outcomes = await store.commit(puts([claim]))
    await store.close()

    assert isinstance(caught.value.__cause__, error)
    assert outcomes == [Outcome.COMMITTED]


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="elsewhere a transaction locks no table"
)
async def test_a_lock_is_told_to_be_a_transactions(membership, monkeypatch):
    """As that of a TestCase, in which a database that is up looks as if it were not."""
    store = DatabaseStore(membership)

    def fail(self, *args, **named):
        raise OperationalError("database table is locked: partyrooms_roomrecord")

    monkeypatch.setattr(RoomClaims, "claim", fail)
    with pytest.raises(StoreUnavailable, match="TransactionTestCase"):
        await store.claim(LOBBY)
    await store.close()


async def test_a_failed_commit_leaves_nothing(membership, monkeypatch):
    """The versions go back with the entries, so that a repetition is written."""
    store = DatabaseStore(membership)
    claims = [await store.claim(LOBBY), await store.claim(RoomKey("chat", "b"))]
    write = RoomRows.write

    def fail_once(self, commits):
        write(self, commits)
        monkeypatch.setattr(RoomRows, "write", write)
        raise OperationalError("before COMMIT")

    monkeypatch.setattr(RoomRows, "write", fail_once)
    with pytest.raises(StoreUnavailable):
        await store.commit(puts(claims, b"lost"))
    after_failure = [await store.sizes(claim.record) for claim in claims]
    outcomes = await store.commit(puts(claims))
    await store.close()

    assert after_failure == [{}, {}]
    assert outcomes == [Outcome.COMMITTED] * 2


async def test_work_in_the_queue_outlives_its_cancelled_wait(membership, monkeypatch):
    """Cancelling stops the wait, also when the thread has not begun yet."""
    store = DatabaseStore(membership)
    claim = await store.claim(LOBBY)
    begun, go_on, commit = threading.Event(), threading.Event(), RoomRows.commit

    def commit_slowly(self, batch):
        begun.set()
        go_on.wait(DEADLINE)
        return commit(self, batch)

    monkeypatch.setattr(RoomRows, "commit", commit_slowly)
    first = asyncio.ensure_future(store.commit(puts([claim])))
    await asyncio.to_thread(begun.wait, DEADLINE)
    queued = asyncio.ensure_future(store.commit(puts([claim], version=1)))
    await asyncio.sleep(0)
    queued.cancel()
    await asyncio.gather(queued, return_exceptions=True)
    go_on.set()
    outcomes = [*await first, *await store.commit(puts([claim], version=2))]
    await store.close()

    assert queued.cancelled()
    assert outcomes == [Outcome.COMMITTED] * 2


async def test_closing_signs_off_and_leaves_no_thread(membership):
    """What was asked before is done before."""
    earlier = threading.enumerate()  # as the loop of Django's test client
    store = DatabaseStore(membership)
    membership.start_heartbeat(lambda records: None, lambda: None)
    claim = await store.claim(LOBBY)
    await store.read(claim.record, [b"a"])
    new = [thread for thread in threading.enumerate() if thread not in earlier]
    ours = [thread for thread in new if thread.name.startswith("partyrooms-")]
    await store.close()
    await store.close()

    assert {thread.name.split("_")[0] for thread in ours} == {
        "partyrooms-commit",
        "partyrooms-heartbeat",
        "partyrooms-read",
    }
    assert not any(thread.is_alive() for thread in ours)
    assert not await Node.objects.aexists()
    assert (await RoomRecord.objects.aget()).owner_id is None

"""What every store promises; see partyrooms.ports.store."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async

from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.ranges import Span
from partyrooms.core.writes import UNKNOWN, WriteSet
from partyrooms.exceptions import RoomUnreachable
from partyrooms.ports.records import DueAlarm, Handover, Outcome, RoomCommit
from partyrooms.ports.store import NOTHING
from partyrooms.usercode import text_of

LOBBY = RoomKey("chat", "lobby")
KITCHEN = RoomKey("chat", "kitchen")
COMMITTED, LOST = Outcome.COMMITTED, Outcome.LOST
NOON = datetime(2030, 1, 1, 12, 0, 0, 123456, UTC)


def writes(cleared=False, alarm=UNKNOWN, **entries):
    buffered = WriteSet()
    if cleared:
        buffered.clear()
    if alarm is not UNKNOWN:
        buffered.alarm = alarm
    for key, value in entries.items():
        if value is None:
            buffered.delete(key.encode())
        else:
            buffered.put(key.encode(), value)
    return buffered


def commit(claim, after=0, **entries):
    """A room's commit that comes ``after`` so many others of the same life."""
    return RoomCommit(
        claim=claim, version=claim.version + after, writes=writes(**entries)
    )


async def contents(store, claim):
    return dict(await store.scan(claim.record, Span()))


def later(seconds):
    return Alarm(at=NOON + timedelta(seconds=seconds))


async def due(store, *, until=NOON, parties=("chat",), limit=100):
    found = await store.due_alarms(until, now=NOON, parties=parties, limit=limit)
    return [str(one.key) for one in found]


async def test_a_new_room_is_empty_and_in_its_first_epoch(store):
    """A claim makes the row."""
    claim = await store.claim(LOBBY)

    assert (claim.key, claim.epoch, claim.version) == (LOBBY, 1, 0)
    assert await contents(store, claim) == {}


async def test_what_is_committed_is_read(store):
    """Puts replace and add; the rest stays."""
    claim = await store.claim(LOBBY)

    first = await store.commit([commit(claim, a=b"1", b=b"2")])
    second = await store.commit([commit(claim, after=1, b=b"3", c=b"")])

    assert first == second == [COMMITTED]
    assert await contents(store, claim) == {b"a": b"1", b"b": b"3", b"c": b""}
    assert await store.read(claim.record, [b"b", b"x", b"c"]) == {b"b": b"3", b"c": b""}
    assert await store.sizes(claim.record) == {b"a": 2, b"b": 2, b"c": 1}


async def test_deleting_and_clearing(store):
    """A deletion takes its key alone; a clear all that was before, not what is put."""
    claim = await store.claim(LOBBY)
    other = await store.claim(KITCHEN)
    await store.commit([commit(claim, a=b"1", b=b"2"), commit(other, a=b"9", b=b"9")])

    await store.commit([commit(claim, 1, a=None, x=None), commit(other, 1, b=None)])
    after_deletion = await contents(store, claim), await contents(store, other)
    await store.commit([commit(claim, 2, cleared=True, c=b"3")])

    assert after_deletion == ({b"b": b"2"}, {b"a": b"9"})
    assert await contents(store, claim) == {b"c": b"3"}
    assert await contents(store, other) == {b"a": b"9"}


async def test_a_commit_of_many_rooms_larger_than_a_statement(store):
    """700 rooms at once, each with its own data, deletions and clears among them."""
    claims = [await store.claim(RoomKey("chat", f"r{n}")) for n in range(700)]
    await store.commit([commit(c, a=b"%d" % n, b=b"") for n, c in enumerate(claims)])

    outcomes = await store.commit(
        [commit(c, 1, b=None) for c in claims[:-1]]
        + [commit(claims[-1], 1, cleared=True)]
    )

    assert outcomes == [COMMITTED] * 700
    assert await contents(store, claims[-1]) == {}
    assert [await contents(store, c) for c in claims[:-1:99]] == [
        {b"a": b"%d" % n} for n in range(0, 699, 99)
    ]


async def test_many_keys_in_one_room(store):
    """Reads and writes beyond one statement's parameters."""
    claim = await store.claim(LOBBY)
    entries = {f"k{n:05}": b"%d" % n for n in range(2500)}

    await store.commit([commit(claim, **entries)])
    found = await store.read(claim.record, [key.encode() for key in entries])
    await store.commit([commit(claim, 1, **dict.fromkeys(list(entries)[1:]))])

    assert found == {key.encode(): value for key, value in entries.items()}
    assert await contents(store, claim) == {b"k00000": b"0"}


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(), [b"a", b"b", b"b\x00", b"\xc3\xa9", b"\xf0\x9f"]),
        (Span(reverse=True), [b"\xf0\x9f", b"\xc3\xa9", b"b\x00", b"b", b"a"]),
        (Span(start=b"b", end=b"\xc3\xa9"), [b"b", b"b\x00"]),
        (Span(start=b"b", limit=2, reverse=True), [b"\xf0\x9f", b"\xc3\xa9"]),
        (Span(start=b"b\x00", limit=1), [b"b\x00"]),
        (Span(limit=0), []),
        (Span(start=b"c", end=b"b"), []),
    ],
)
async def test_s3_ranges_in_the_order_of_bytes(store, span, expected):
    """S3: start included, end excluded, limit from the end when reversed."""
    claim = await store.claim(LOBBY)
    buffered = WriteSet()
    for key in (b"\xf0\x9f", b"b", b"a", b"\xc3\xa9", b"b\x00"):
        buffered.put(key, key)
    await store.commit([RoomCommit(claim=claim, version=0, writes=buffered)])

    rows = await store.scan(claim.record, span)

    assert rows == [(key, key) for key in expected]


async def test_a_living_owner_keeps_its_room(store, other):
    """The second node is refused, with what to do."""
    claim = await store.claim(LOBBY)

    with pytest.raises(RoomUnreachable, match="run one server process"):
        await other.claim(LOBBY)

    assert await store.commit([commit(claim, a=b"1")]) == [COMMITTED]


async def test_a_released_room_goes_to_another_node_with_its_data(store, other):
    """The next epoch starts where the last one ended."""
    claim = await store.claim(LOBBY)
    await store.commit([commit(claim, a=b"1")])
    await store.release([(claim, NOTHING)])

    taken = await other.claim(LOBBY)

    assert (taken.record, taken.epoch, taken.version) == (claim.record, 2, 1)
    assert await contents(other, taken) == {b"a": b"1"}


async def test_closing_releases_every_room(world, store):
    """A node that ends in order leaves nothing behind."""
    async with world.store() as leaving:
        await leaving.claim(LOBBY)

    assert (await store.claim(LOBBY)).epoch == 2


async def test_a_dead_nodes_room_goes_to_another_node(world, store, other):
    """Death needs no release."""
    await store.claim(LOBBY)
    await world.declare_dead(store)

    assert (await other.claim(LOBBY)).epoch == 2


async def test_a_dead_node_claims_nothing(world, store, other):
    """It must not know yet that it is dead."""
    await store.claim(LOBBY)
    await world.declare_dead(store)

    with pytest.raises(RoomUnreachable, match="declared dead"):
        await store.claim(KITCHEN)


async def test_a_node_may_claim_its_own_room_again(store):
    """Its earlier life may have ended without a release; that life is fenced."""
    first = await store.claim(LOBBY)
    second = await store.claim(LOBBY)

    assert second.epoch == first.epoch + 1
    assert await store.commit([commit(first, a=b"1")]) == [LOST]


async def test_racing_claims_have_one_winner(world):
    """Of many nodes at once, one owns the room."""

    async def race(store):
        try:
            return await store.claim(LOBBY)
        except RoomUnreachable:
            return None

    async with world.store() as a, world.store() as b, world.store() as c:
        claims = await asyncio.gather(race(a), race(b), race(c))

    assert len([claim for claim in claims if claim]) == 1


async def test_s8_a_replaced_owners_commit_writes_nothing(world, store, other):
    """S8: its neighbours in the same transaction are written."""
    lost, kept = await store.claim(LOBBY), await store.claim(KITCHEN)
    await store.release([(lost, NOTHING)])
    taken = await other.claim(LOBBY)

    outcomes = await store.commit([commit(lost, a=b"old"), commit(kept, a=b"1")])

    assert outcomes == [LOST, COMMITTED]
    assert await contents(store, taken) == {}
    assert await contents(store, kept) == {b"a": b"1"}
    assert await other.commit([commit(taken, a=b"new")]) == [COMMITTED]


async def test_a_released_room_takes_no_commit(store):
    """Nobody's room is not the last owner's."""
    claim = await store.claim(LOBBY)
    await store.release([(claim, NOTHING)])

    assert await store.commit([commit(claim, a=b"1")]) == [LOST]
    assert await contents(store, claim) == {}


async def test_an_old_claim_releases_nothing(store, other):
    """Releasing a lost claim passes the new owner over."""
    old = await store.claim(LOBBY)
    new = await store.claim(LOBBY)
    await store.release([(old, NOTHING)])

    assert await store.commit([commit(new, a=b"1")]) == [COMMITTED]


async def test_a_claim_tells_whom_it_displaces(store, other):
    """None, where the last owner has given the room up."""
    first = await store.claim(LOBBY)
    again = await store.claim(LOBBY)
    await store.release([(again, NOTHING)])
    last = await other.claim(LOBBY)

    assert first.displaced is last.displaced is None
    assert again.displaced is not None


async def test_nodes_with_sockets_are_named_until_somebody_says_otherwise(store):
    """A claim adds to those that the row names; a release replaces them, if asked."""
    a, b, c = sorted([uuid4(), uuid4(), uuid4()])
    first = await store.claim(LOBBY, hibernates=True, gateways=[a])
    await store.release([(first, NOTHING)])
    second = await store.claim(LOBBY, hibernates=True, gateways=[b])
    third = await store.claim(LOBBY, hibernates=True)
    await store.release([(third, Handover(gateways=[c]))])
    fourth = await store.claim(LOBBY, hibernates=True)
    nobody = await store.claim(LOBBY)
    fifth = await store.claim(LOBBY)

    assert first.gateways == (a,)
    assert sorted(second.gateways) == sorted(third.gateways) == [a, b]
    assert fourth.gateways == nobody.gateways == (c,)
    assert fifth.gateways == ()


@pytest.mark.parametrize("hibernates", [True, False])
async def test_seats_are_told_to_the_next_claim_of_another_node(
    store, other, hibernates
):
    """Once; a node need not be told of its own sockets."""
    first = await store.claim(LOBBY, hibernates=True)
    await store.release([(first, Handover(gateways=[], seats={None: b"mine"}))])
    told = await other.claim(LOBBY, hibernates=hibernates)
    await other.release([(told, Handover(gateways=[], seats={None: b"its own"}))])
    own = await other.claim(LOBBY, hibernates=True)
    await other.release([(own, NOTHING)])
    again = await store.claim(LOBBY, hibernates=True)

    assert [profiles for _, profiles in told.seats] == [b"mine"]
    assert first.seats == own.seats == again.seats == ()


async def test_a_room_is_deserted_when_a_node_with_seats_is_dead(world, store, other):
    """Until it is claimed; those of living nodes wait for their own events."""
    wanted = {"now": NOON, "parties": ["chat"], "limit": 10}
    lobby, kitchen = (
        await store.claim(LOBBY, hibernates=True),
        await store.claim(KITCHEN, hibernates=True),
    )
    await store.release([(lobby, Handover(gateways=[], seats={None: b"lobby"}))])
    await store.release([(kitchen, NOTHING)])
    before = await other.deserted(**wanted)

    await world.declare_dead(store)

    assert before == []
    assert await other.deserted(**wanted) == [LOBBY]
    assert await other.deserted(**(wanted | {"parties": []})) == []
    claim = await other.claim(LOBBY, hibernates=True)
    assert [profiles for _, profiles in claim.seats] == [b"lobby"]
    assert await other.deserted(**wanted) == []


async def test_d6_rooms_are_given_up_together_each_with_its_own(world, store, other):
    """D6: what each next owner gets; a room that was lost keeps its new owner."""
    keys = [RoomKey("chat", f"r{number}") for number in range(4)]
    plain, named, seated, lost = [
        await store.claim(key, hibernates=True) for key in keys
    ]
    again = await store.claim(lost.key, hibernates=True)
    a, b = uuid4(), uuid4()

    await store.release(
        [
            (seated, Handover(gateways=[a], seats={None: b"mine"}, progress=b"3")),
            (lost, Handover(gateways=[b], progress=b"4")),
            (plain, NOTHING),
            (named, Handover(gateways=[a, b])),
        ]
    )

    claims = [await other.claim(key, hibernates=True) for key in keys[:3]]
    assert [sorted(claim.gateways) for claim in claims] == [[], sorted([a, b]), [a]]
    assert [claim.progress for claim in claims] == [None, None, b"3"]
    assert [[data for _, data in claim.seats] for claim in claims] == [
        [],
        [],
        [b"mine"],
    ]
    assert await store.commit([commit(again, a=b"1")]) == [Outcome.COMMITTED]


async def test_progress_is_stored_with_a_commit(store):
    """Of the rooms that have some, and of no other; a release may replace it."""
    lobby, kitchen = await store.claim(LOBBY), await store.claim(KITCHEN)
    await store.commit([replace(commit(lobby), progress=b"1"), commit(kitchen, a=b"1")])
    await store.commit([commit(lobby, 1, a=b"2")])
    again = await store.claim(LOBBY)
    await store.release([(again, NOTHING)])
    last = await store.claim(LOBBY)
    await store.release([(last, Handover(progress=b"2"))])

    assert lobby.progress is None
    assert again.progress == last.progress == b"1"
    assert (await store.claim(LOBBY)).progress == b"2"
    assert (await store.claim(KITCHEN)).progress is None


async def test_progress_is_fenced(store, other):
    """What a replaced owner knows of its gateways counts no more."""
    old = await store.claim(LOBBY)
    new = await store.claim(LOBBY)

    assert await store.commit([replace(commit(old), progress=b"old")]) == [LOST]
    assert (await store.claim(LOBBY)).progress is new.progress is None


async def test_a_repeated_commit_is_written_once(store):
    """Its answer was lost: the row has its id."""
    claim = await store.claim(LOBBY)
    again = commit(claim, a=b"1")
    await store.commit([again])
    outcomes = await store.commit([again])

    later = await store.commit([commit(claim, 1, a=b"2")])

    assert outcomes == later == [COMMITTED]
    assert await contents(store, claim) == {b"a": b"2"}


async def test_a_repeated_commit_does_not_undo_a_later_one(store):
    """Two versions behind is no lost answer."""
    claim = await store.claim(LOBBY)
    await store.commit([commit(claim, a=b"1")])
    await store.commit([commit(claim, 1, a=b"2")])

    assert await store.commit([commit(claim, a=b"1")]) == [LOST]
    assert await contents(store, claim) == {b"a": b"2"}


@pytest.mark.parametrize("size", [1, 2])
async def test_another_commit_at_the_version_of_a_written_one_is_lost(store, size):
    """S8: the row is one version further, but by another commit than this one."""
    claims = [await store.claim(RoomKey("chat", str(n))) for n in range(size)]
    await store.commit([commit(claim, a=b"1") for claim in claims])

    outcomes = await store.commit([commit(claim, a=b"2") for claim in claims])

    assert outcomes == [LOST] * size
    assert await store.outcome(commit(claims[0])) is LOST
    assert [await contents(store, claim) for claim in claims] == [{b"a": b"1"}] * size


async def test_a_commit_from_the_future_is_lost(store):
    """A version that the row has not reached cannot be this life's."""
    claim = await store.claim(LOBBY)

    assert await store.commit([commit(claim, after=1, a=b"1")]) == [LOST]


async def test_an_empty_commit(store):
    """No rooms, no outcomes."""
    assert await store.commit([]) == []


async def test_a_deleted_room_is_gone_and_starts_anew(store):
    """Its data goes too; deleting twice is deleting."""
    claim = await store.claim(LOBBY)
    await store.commit([commit(claim, a=b"1")])
    await store.delete(claim)
    await store.delete(claim)

    again = await store.claim(LOBBY)

    assert (again.epoch, await contents(store, again)) == (1, {})
    assert await store.commit([commit(claim, 1, a=b"1")]) == [LOST]


async def test_only_the_owner_deletes(store, other):
    """A replaced owner is told so, and the room stays."""
    claim = await store.claim(LOBBY)
    await store.commit([commit(claim, a=b"1")])
    await store.release([(claim, NOTHING)])
    taken = await other.claim(LOBBY)

    with pytest.raises(RoomUnreachable, match="not deleted"):
        await store.delete(claim)

    assert await contents(other, taken) == {b"a": b"1"}


async def test_s10_an_alarm_is_stored_with_the_entries(store, other):
    """S10: a claim brings it, whoever claims; times keep their microseconds."""
    claim = await store.claim(LOBBY)
    fresh = claim.alarm, await store.alarm(claim.record)
    failed = Alarm(at=NOON, attempts=3, error="ValueError: no", is_failed=True)

    await store.commit([commit(claim, alarm=failed, a=b"1")])
    await store.release([(claim, NOTHING)])
    taken = await other.claim(LOBBY)

    assert fresh == (None, None)
    assert taken.alarm == await store.alarm(claim.record) == failed
    assert await contents(store, claim) == {b"a": b"1"}


async def test_r40_b10_an_error_may_say_anything(store):
    """R40, B10: it may quote a client, and what no column or encoding can hold."""
    claim = await store.claim(LOBBY)
    await store.introduce_crons({NIGHTLY: "0 3 * * *"}, NOON)
    row = await cron(store)
    await store.begin_tick(row, later(1).at, NOON)
    text = text_of(ValueError("NUL \x00, half a pair \ud800, whole \U0001f600"))

    await store.commit([commit(claim, alarm=Alarm(at=NOON, attempts=1, error=text))])
    await store.end_tick(row, NOON, text)
    alarm = await store.alarm(claim.record)

    assert alarm.error == "NUL \\x00, half a pair \\ud800, whole \U0001f600"
    assert not (await cron(store)).is_running


async def test_s10_setting_replaces_and_deleting_deletes(store):
    """S10: a commit that says nothing of it leaves it; a clear takes it, too."""
    claim = await store.claim(LOBBY)
    seen = []
    for number, written in enumerate(
        [
            {"alarm": later(1)},
            {"alarm": later(2)},
            {"a": b"1"},
            {"alarm": None},
            {"alarm": later(3)},
            {"cleared": True},
            {"cleared": True, "alarm": later(4)},
        ]
    ):
        assert await store.commit([commit(claim, number, **written)]) == [COMMITTED]
        seen.append(await store.alarm(claim.record))

    assert seen == [*map(later, (1, 2, 2)), None, later(3), None, later(4)]


async def test_s8_a_replaced_owners_alarm_is_not_stored(store, other):
    """S8: nor is it deleted by one."""
    old = await store.claim(LOBBY)
    await store.commit([commit(old, alarm=later(1))])
    await store.release([(old, NOTHING)])
    new = await other.claim(LOBBY)

    for alarm in (later(2), None):
        assert await store.commit([commit(old, 1, alarm=alarm)]) == [LOST]

    assert await other.alarm(new.record) == later(1)


async def test_alarms_of_many_rooms_larger_than_a_statement(store):
    """700 rooms at once, each with its own time."""
    claims = [await store.claim(RoomKey("chat", f"r{n}")) for n in range(700)]

    await store.commit([commit(c, alarm=later(n)) for n, c in enumerate(claims)])
    await store.commit([commit(c, 1, alarm=None) for c in claims[::2]])

    found = [await store.alarm(c.record) for c in (claims[0], claims[1], claims[699])]
    assert found == [None, later(1), later(699)]


async def test_r40_due_alarms_come_in_the_order_of_their_times(store):
    """R40: those of later, and those that were given up, are left out."""
    times = {"c": later(0), "a": later(-2), "b": later(-1), "later": later(1)}
    times["failed"] = Alarm(at=NOON, attempts=7, is_failed=True)
    for name, alarm in times.items():
        await store.commit(
            [commit(await store.claim(RoomKey("chat", name)), alarm=alarm)]
        )

    found = await due(store)

    assert found == ["chat/a", "chat/b", "chat/c"]
    assert await due(store, limit=2) == found[:2]
    assert await due(store, until=NOON + timedelta(seconds=1)) == [*found, "chat/later"]


async def test_r40_a_party_that_nobody_runs_is_left_out(store):
    """R40: another process may know its class."""
    await store.commit([commit(await store.claim(LOBBY), alarm=later(0))])

    assert await due(store, parties=("other", "more")) == []
    assert await due(store, parties=()) == []


async def test_r40_a_living_owner_rings_its_own_rooms(world, store, other):
    """R40: nobody else finds them, until they are free or their owner is dead."""
    mine, free = await store.claim(LOBBY), await store.claim(KITCHEN)
    await store.commit([commit(mine, alarm=later(0)), commit(free, alarm=later(-1))])
    await store.release([(free, NOTHING)])

    own = await store.due_alarms(NOON, now=NOON, parties=("chat",), limit=9)
    of_other = await due(other)
    await world.declare_dead(store)

    assert own == [
        DueAlarm(key=KITCHEN, at=later(-1).at, is_own=False),
        DueAlarm(key=LOBBY, at=later(0).at, is_own=True),
    ]
    assert of_other == ["chat/kitchen"]
    assert await due(other) == ["chat/kitchen", "chat/lobby"]


async def test_a_deleted_room_has_no_alarm(store):
    """Its row is gone."""
    claim = await store.claim(LOBBY)
    await store.commit([commit(claim, alarm=later(0))])
    await store.delete(claim)

    assert await store.alarm(claim.record) is None
    assert await due(store) == []


NIGHTLY, HOURLY = ("chat", "nightly"), ("chat", "hourly")


async def cron(store, key=NIGHTLY):
    return next(row for row in await store.crons() if row.key == key)


def state(row):
    return row.tick, row.is_running, row.is_own, row.is_abandoned


async def test_b10_a_new_cron_begins_when_it_is_seen_first(store, other):
    """B10: whoever else sees it later changes nothing."""
    await store.introduce_crons({NIGHTLY: "0 3 * * *", HOURLY: "0 * * * *"}, NOON)
    await other.introduce_crons({NIGHTLY: "0 3 * * *"}, later(60).at)

    assert state(await cron(other)) == (NOON, False, False, False)
    assert len(await other.crons()) == 2


async def test_b10_another_expression_begins_anew(store):
    """B10: but a tick that runs stays known until it ends."""
    await store.introduce_crons({NIGHTLY: "0 3 * * *", HOURLY: "0 * * * *"}, NOON)
    running = await cron(store, HOURLY)
    await store.begin_tick(running, later(5).at, NOON)

    await store.introduce_crons({NIGHTLY: "0 4 * * *", HOURLY: "*/2"}, later(9).at)
    changed, kept = await cron(store), await cron(store, HOURLY)
    await store.introduce_crons({NIGHTLY: "0 4 * * *"}, later(99).at)
    await store.end_tick(running, NOON, "")

    assert (changed.tick, kept.tick) == (later(9).at, later(5).at)
    assert (await cron(store)).tick == later(9).at
    assert not (await cron(store, HOURLY)).is_running


async def test_b10_racing_nodes_begin_a_tick_once(world):
    """B10: one of them gets it."""
    async with world.store() as a, world.store() as b, world.store() as c:
        await a.introduce_crons({NIGHTLY: "0 3 * * *"}, NOON)
        row = await cron(a)

        begun = await asyncio.gather(
            *(store.begin_tick(row, later(1).at, later(2).at) for store in (a, b, c))
        )
        states = sorted([state(await cron(store))[2] for store in (a, b, c)])

    assert sorted(begun) == [False, False, True]
    assert states == [False, False, True]


async def test_b10_a_tick_ends_for_its_runner_only(store, other):
    """B10: then the next one can be begun, by anybody."""
    await store.introduce_crons({NIGHTLY: "0 3 * * *"}, NOON)
    row = await cron(store)
    await store.begin_tick(row, later(1).at, NOON)
    await other.end_tick(row, NOON, "")
    running = state(await cron(other))
    await store.end_tick(row, NOON, "ValueError: no")
    ended = await cron(other)

    assert running == (later(1).at, True, False, False)
    assert state(ended) == (later(1).at, False, False, False)
    assert await other.begin_tick(ended, later(2).at, NOON)


async def test_b10_a_dead_nodes_tick_is_abandoned(world, store, other):
    """B10: another one begins the same tick; the dead one ends it no more."""
    await store.introduce_crons({NIGHTLY: "0 3 * * *"}, NOON)
    row = await cron(store)
    await store.begin_tick(row, later(1).at, NOON)
    while_alive = (await cron(other)).is_abandoned
    await world.declare_dead(store)
    abandoned = await cron(other)

    assert not while_alive
    assert abandoned.is_abandoned
    assert await other.begin_tick(abandoned, later(1).at, NOON)
    await store.end_tick(row, NOON, "")
    assert state(await cron(other)) == (later(1).at, True, True, False)


async def test_b10_a_closed_nodes_tick_is_abandoned(world, store):
    """B10: it was stopped in the middle, in order or not."""
    async with world.store() as leaving:
        await leaving.introduce_crons({NIGHTLY: "0 3 * * *"}, NOON)
        await leaving.begin_tick(await cron(leaving), later(1).at, NOON)

    row = await cron(store)

    assert state(row) == (later(1).at, True, False, True)
    assert await store.begin_tick(row, row.tick, NOON)


async def test_b10_a_dead_node_begins_no_tick(world, store, other):
    """B10: it must not know yet that it is dead."""
    await store.claim(LOBBY)
    await store.introduce_crons({NIGHTLY: "0 3 * * *"}, NOON)
    await world.declare_dead(store)

    assert not await store.begin_tick(await cron(store), later(1).at, NOON)


async def test_cancelling_stops_the_wait_and_not_the_work(store):
    """A commit that nobody waits for any more is still written."""
    claim = await store.claim(LOBBY)
    waiting = asyncio.ensure_future(store.commit([commit(claim, a=b"1")]))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    later = await store.commit([commit(claim, 1, b=b"2")])

    assert waiting.cancelled()
    assert later == [COMMITTED]
    assert await contents(store, claim) == {b"a": b"1", b"b": b"2"}


async def in_atomic(store, claim, *steps, after=0):
    """Begin an ``atomic()`` and do steps with it, in its thread; their results."""
    async with store.thread():
        work = store.atomic()
        done = [await sync_to_async(work.begin)(claim, claim.version + after)]
        for step in steps:
            done.append(await sync_to_async(step)(work))
    return done


async def test_s9_atomic_writes_what_the_room_wants(store):
    """S9: the row is one version further, as after any commit."""
    claim = await store.claim(LOBBY)
    wanted = commit(claim, a=b"1", alarm=later(1))

    done = await in_atomic(store, claim, lambda work: work.commit(wanted))

    assert done == [COMMITTED, COMMITTED]
    assert await contents(store, claim) == {b"a": b"1"}
    assert await store.alarm(claim.record) == later(1)
    assert await store.commit([commit(claim, 1, b=b"2")]) == [COMMITTED]


async def test_s9_atomic_that_is_rolled_back_leaves_nothing(store):
    """S9: the version, too, is what it was; twice is once."""
    claim = await store.claim(LOBBY)

    await in_atomic(
        store, claim, lambda work: work.roll_back(), lambda work: work.roll_back()
    )

    assert await contents(store, claim) == {}
    assert await store.commit([commit(claim, a=b"1")]) == [COMMITTED]


@pytest.mark.parametrize("after", [0, 1])
async def test_s8_s9_atomic_begins_with_the_fence(store, other, after):
    """S8, S9: a replaced owner's does not begin, nor one at another version."""
    lost = await store.claim(LOBBY)
    if after == 0:
        await store.release([(lost, NOTHING)])
        await other.claim(LOBBY)

    assert await in_atomic(store, lost, after=after) == [LOST]
    assert await store.claim(KITCHEN)  # Nothing is locked.


async def test_s9_what_became_of_a_commit_can_be_asked(store, other):
    """S9: not written, written, or nobody's to ask any more."""
    claim = await store.claim(LOBBY)
    wanted = commit(claim, a=b"1")

    before = await store.outcome(wanted)
    await in_atomic(store, claim, lambda work: work.commit(wanted))
    after = await store.outcome(wanted)
    await store.release([(claim, NOTHING)])
    await other.claim(LOBBY)

    assert (before, after, await store.outcome(wanted)) == (None, COMMITTED, LOST)

"""Who runs which tick of a cron: every node looks, one gets it, another takes over."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from channels.layers import InMemoryChannelLayer

from partyrooms import Room, registry
from partyrooms.server import cron_poller as crons
from partyrooms.server.cron_poller import CronPoller
from tests.cluster.world import LayerWorld
from tests.runtime.stage import patiently

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def classes(monkeypatch):
    """The classes of a test are the only ones."""
    monkeypatch.setattr(registry, "_classes", {})


@pytest.fixture
def report():
    """A class with a cron each five minutes, which waits until it may go on."""

    class Report(Room):
        crons = {"often": "*/5 * * * *"}  # noqa: RUF012
        go = asyncio.Event()
        begun = asyncio.Queue()
        running = 0
        most = 0
        error = None

        @classmethod
        async def on_cron(cls, cron, lobby):
            cls.running += 1
            cls.most = max(cls.most, cls.running)
            cls.begun.put_nowait(minutes_after_noon(cron.scheduled_at))
            try:
                await cls.go.wait()
                if cls.error is not None:
                    raise cls.error
            finally:
                cls.running -= 1

    Report.go.set()
    return Report


def minutes_after_noon(moment):
    return (moment - NOON) / timedelta(minutes=1)


class World(LayerWorld):
    """
    Nodes with one wall clock, which moves when it is told; it begins at noon.

    Attributes:
        minutes: What it shows, after noon.
    """

    def __init__(self):
        super().__init__(InMemoryChannelLayer())
        self.minutes = 0.0

    async def clock(self, *arguments, **options):
        """A new node's cron clock, which does not look by itself."""
        node = await self.node(*arguments, **options)
        node.environment.wall_clock = lambda: NOON.timestamp() + 60 * self.minutes
        return CronPoller(node)

    async def looked(self, *clocks):
        """Let nodes look once, and wait until nothing runs any more."""
        await asyncio.gather(*(clock._look() for clock in clocks))
        for clock in clocks:
            await ended(clock)

    def row(self):
        """What is stored about the only cron."""
        (cron,) = self.tables.crons.rows.values()
        return cron


@pytest.fixture
async def world():
    world = World()
    yield world
    await patiently(world.close())


async def ended(clock):
    """Wait until a node runs no tick."""
    if clock._running:
        await patiently(asyncio.wait(clock._running.values()))


def begun(report):
    """The ticks that were begun, in minutes after noon; each is told once."""
    return [report.begun.get_nowait() for _ in range(report.begun.qsize())]


async def test_b10_a_tick_is_run_when_its_time_has_come(world, report):
    """B10: not before, and once; the look says how long to wait for the next one."""
    clock = await world.clock()
    pauses = []

    for world.minutes in (0, 4.99, 5, 5.01, 9.99, 10.2):
        pauses.append(round(await clock._look(), 3))
        await ended(clock)

    assert begun(report) == [5, 10]
    assert pauses == [2, 0.6, 2, 2, 0.6, 2]


async def test_b10_nodes_that_look_at_the_same_moment_run_a_tick_once(world, report):
    """B10: on one of them."""
    clocks = [await world.clock() for _ in range(4)]
    await world.looked(*clocks)

    for number in range(1, 21):
        world.minutes = 5 * number
        await world.looked(*clocks)

    assert begun(report) == [5 * number for number in range(1, 21)]


async def test_b10_ticks_that_come_while_one_runs_follow_each_in_its_turn(
    world, report
):
    """B10: without overlapping, whoever looks, and if the first one takes an hour."""
    here, there = await world.clock(), await world.clock()
    await world.looked(here, there)
    report.go.clear()
    world.minutes = 5
    await here._look()
    while_it_runs = []
    for world.minutes in (5.5, 10, 15, 64):
        await asyncio.gather(here._look(), there._look())
        while_it_runs.append(report.running)
    report.go.set()
    await ended(here)

    for _ in range(20):
        await world.looked(here, there)

    assert while_it_runs == [1, 1, 1, 1]
    assert begun(report) == [5 * number for number in range(1, 13)]
    assert report.most == 1


@pytest.mark.parametrize(
    ("minutes", "ran"), [(4, []), (9, [5]), (62, [60]), (1001, [1000])]
)
async def test_b10_of_missed_ticks_the_last_one_runs_at_start(
    world, report, minutes, ran
):
    """B10: while all nodes were down."""
    await world.looked(await world.clock())
    world.minutes = minutes

    await world.looked(await world.clock())

    assert begun(report) == ran


async def test_b10_a_missed_tick_of_more_than_an_hour_ago_is_not_run(
    world, report, settings
):
    """B10: one of 59.9 minutes ago is."""
    settings.TIME_ZONE = "UTC"
    report.crons = {"nightly": "0 13 * * *"}
    await world.looked(await world.clock())
    world.minutes = 120.1
    await world.looked(await world.clock())
    late = begun(report)
    world.minutes = 119.9
    await world.looked(await world.clock())

    assert (late, begun(report)) == ([], [60])


async def test_b10_of_the_ticks_that_a_sleeping_machine_missed_an_hours_are_run(
    world, report
):
    """B10: the process goes on behind eight hours; older ticks are of no use."""
    clock = await world.clock()
    await world.looked(clock)
    world.minutes = 5
    await world.looked(clock)

    world.minutes = 5 + 8 * 60
    for _ in range(40):
        await world.looked(clock)

    assert begun(report) == [5, *(8 * 60 + 5 * n for n in range(-10, 2))]


@pytest.mark.parametrize("is_new", [False, True])
async def test_b10_a_clock_that_was_years_ahead_is_forgotten_when_it_is_corrected(
    world, report, is_new
):
    """B10: ticks run again at once, not when the wrong clock's time has come."""
    year = 365 * 24 * 60
    ahead = await world.clock()
    world.minutes = 30 * year
    ahead._since = ahead._now()
    await world.looked(ahead)
    world.minutes = 30 * year + 5
    await world.looked(ahead)
    begun(report)

    clock = await world.clock() if is_new else ahead
    for world.minutes in (10, 14, 15, 20):
        await world.looked(clock)

    assert begun(report)[-2:] == [15, 20]
    assert world.row().row.tick == NOON + timedelta(minutes=20)


async def test_b10_a_new_cron_has_missed_nothing(world, report):
    """B10: nor has one whose expression is new."""
    await world.looked(await world.clock())
    world.minutes = 4
    report.crons = {"often": "*/2 * * * *"}
    await world.looked(await world.clock())
    before = begun(report)
    world.minutes = 6
    await world.looked(await world.clock())

    assert (before, begun(report)) == ([], [6])


async def test_b10_a_tick_of_a_dead_node_is_run_again(world, report):
    """B10: at least once, also if it had run for hours, and by nodes that are new."""
    clock = await world.clock()
    await world.looked(clock)
    report.go.clear()
    world.minutes = 5
    await clock._look()
    await patiently(report.begun.get())
    world.minutes = 301
    other = await world.clock()
    await other._look()
    while_it_lives = begun(report)
    await world.kill(clock._node)
    report.go.set()
    await world.looked(other)
    await world.looked(other)

    assert while_it_lives == []
    assert begun(report) == [5, 300]
    assert not world.row().row.is_running


async def test_b10_a_tick_of_a_node_that_is_closed_is_run_again(world, report):
    """B10: on_cron is cancelled, and that is not its end."""
    clock = await world.clock()
    await world.looked(clock)
    report.go.clear()
    world.minutes = 5
    await clock._look()
    await patiently(report.begun.get())
    world.nodes.remove(clock._node)
    await clock._node.close()
    running = report.running
    report.go.set()
    await world.looked(await world.clock())

    assert running == 0
    assert begun(report) == [5]


async def test_b10_a_tick_is_cancelled_when_the_lease_is_over(world, report, caplog):
    """B10: somebody else may run it; if nobody does, this node runs it again."""
    clock = await world.clock()
    await world.looked(clock)
    report.go.clear()
    world.minutes = 5
    await clock._look()
    await patiently(report.begun.get())
    clock._node.environment.lease.extend(0.0)
    await ended(clock)
    await world.looked(clock)
    without_lease = (report.running, begun(report))
    clock._node.environment.lease.extend(float("inf"))
    report.go.set()
    await world.looked(clock)

    assert without_lease == (0, [])
    assert begun(report) == [5]
    assert [one.action for one in caplog.records] == ["cron_cancelled"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no"), "ValueError: no"),
        (SystemExit(1), "RuntimeError: on_cron called sys.exit(1)"),
        (KeyboardInterrupt(), "RuntimeError: on_cron raised KeyboardInterrupt"),
        (
            asyncio.CancelledError(),
            "RuntimeError: on_cron was left by a CancelledError",
        ),
    ],
)
async def test_b10_a_tick_that_raises_has_been_run(world, report, caplog, error, text):
    """B10: it is logged and kept; the server goes on, and the next tick comes."""
    report.error = error
    clock = await world.clock()
    for world.minutes in (0, 5, 6):
        await world.looked(clock)
    kept = world.row().error
    report.error = None
    world.minutes = 10
    await world.looked(clock)

    assert begun(report) == [5, 10]
    assert kept == text
    assert world.row().error == ""
    assert [one.action for one in caplog.records] == ["cron_failed"]
    assert "report/often" in caplog.text


async def test_b10_a_beginning_whose_answer_was_lost_is_one(world, report, monkeypatch):
    """B10: the row says that this node runs the tick, so it does."""
    clock = await world.clock()
    await world.looked(clock)
    store, begin_tick = clock._node.store, clock._node.store.begin_tick

    async def begin_and_lose(*arguments):
        monkeypatch.undo()
        world.tables.lose_next_reply = True
        return await begin_tick(*arguments)

    registered = dict(registry._classes)
    monkeypatch.setattr(store, "begin_tick", begin_and_lose)
    world.minutes = 5
    await world.looked(clock)
    monkeypatch.setattr(registry, "_classes", registered)
    lost = begun(report)
    await world.looked(clock)

    assert (lost, begun(report)) == ([], [5])


async def test_b10_the_end_of_a_tick_is_written_when_the_database_is_back(
    world, report, monkeypatch, caplog
):
    """B10: until then nobody begins the next one."""
    monkeypatch.setattr(crons, "RETRY_DELAY", 0)
    clock = await world.clock()
    await world.looked(clock)
    report.go.clear()
    world.minutes = 5
    await clock._look()
    await patiently(report.begun.get())
    world.tables.available = False
    report.go.set()
    while not caplog.records:  # noqa: ASYNC110 - each round is a turn of the loop
        await asyncio.sleep(0)
    world.tables.available = True
    await ended(clock)

    assert not world.row().row.is_running
    assert {one.action for one in caplog.records} == {"cron_end_repeated"}


async def test_a_database_that_is_away_is_told_once(world, report, caplog):
    """Crons are late then; the next look finds the tick."""
    clock = await world.clock()
    await world.looked(clock)
    world.minutes = 5
    world.tables.available = False
    for _ in range(3):
        await clock._look()
    world.tables.available = True
    await world.looked(clock)

    assert [one.action for one in caplog.records] == ["crons_not_found"]
    assert begun(report) == [5]


@pytest.mark.parametrize("reason", ["is_draining", "is_over", "lease", "web"])
async def test_a_node_that_must_not_act_begins_nothing(world, report, reason):
    """It leaves, its lease is over, or with OWNERS="workers" it is none."""
    await world.looked(await world.clock())
    clock = await world.clock("workers", takes_rooms=reason != "web")
    world.minutes = 5
    node = clock._node
    if reason == "lease":
        node.environment.lease.extend(0.0)
    elif reason != "web":
        setattr(node.environment, reason, True)
    await world.looked(clock)
    node.environment.lease.extend(float("inf"))
    node.environment.is_draining = node.environment.is_over = False

    assert begun(report) == []


async def test_a_node_looks_by_itself(world, report, monkeypatch):
    """First when it has settled, then whenever a tick is due."""
    monkeypatch.setattr(crons, "SETTLING_TIME", 0)
    report.crons = {"second": "* * * * * *"}
    clock = await world.clock()
    start = asyncio.get_running_loop().time()
    clock._node.environment.wall_clock = lambda: (
        NOON.timestamp() + asyncio.get_running_loop().time() - start
    )
    clock._node.spawn(clock.keep_polling())

    ticks = [round(60 * await patiently(report.begun.get())) for _ in range(2)]

    assert ticks == [1, 2]


async def test_no_crons_ask_nothing(world):
    """Nobody asks the database for what cannot be there."""

    class Plain(Room):
        pass

    clock = await world.clock()
    world.tables.available = False

    assert await clock._look() == crons.LOOK_INTERVAL
    world.tables.available = True

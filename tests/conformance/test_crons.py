"""SPEC 8: crons (B10)."""

import asyncio
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User

from tests.deadline import DEADLINE
from tests.servers.command import manage
from tests.servers.database import execute
from tests.servers.process import serve
from tests.servers.site.journal import note
from tests.servers.visitor import Room, visit

AFTER_AN_EVENT = "begins with the first event of any room"


async def test_b10_a_cron_calls_the_class(define):
    """`cron.name`, `.expression`, `.scheduled_at`; rooms are reached by the lobby."""

    class Report(Room):
        crons = {"now": "* * * * * *"}  # noqa: RUF012

        @classmethod
        async def on_cron(cls, cron, lobby):
            cls.crons = {}  # Once is enough.
            late = datetime.now(UTC) - cron.scheduled_at
            stub = lobby.parties[cls.party].get("one")
            answer = await stub.fetch("/", query={"from": lobby.party})
            note(
                f"{lobby.party}/cron",
                "tick",
                [cron.name, cron.expression, lobby.room_id],
                late.total_seconds(),
                answer.data,
            )

        async def on_request(self, request):
            return [self.id, request.query_params.dict()]

    room = await define(Report)
    await room.data()  # Daphne: now it begins.

    notes = await room.visitor.notes(f"{room.party}/cron", "tick")

    ((_, *what, late, answer),) = notes
    assert what == [["now", "* * * * * *", ""]]
    assert late >= 0
    assert answer == ["one", {"from": room.party}]


async def test_b10_on_cron_may_be_a_plain_function(define):
    """It runs in a thread, where the ORM's sync API may be used."""

    class Report(Room):
        crons = {"now": "* * * * * *"}  # noqa: RUF012

        @classmethod
        def on_cron(cls, cron, lobby):
            cls.crons = {}
            count = User.objects.filter(username="nobody").count()
            note(f"{lobby.party}/cron", "tick", count)

        async def on_request(self, request):
            return None

    room = await define(Report)
    await room.request()

    assert await room.visitor.notes(f"{room.party}/cron", "tick") == [["tick", 0]]


async def test_b10_a_tick_that_raises_has_been_run(define, visitor):
    """It is logged, and the next one comes."""

    class Report(Room):
        crons = {"now": "* * * * * *"}  # noqa: RUF012

        @classmethod
        async def on_cron(cls, cron, lobby):
            note(f"{lobby.party}/cron", "tick", str(cron.scheduled_at))
            if len(cls.crons) == 1:
                cls.crons = {**cls.crons, "second": "0 0 1 1 *"}
                raise ValueError("as asked")
            cls.crons = {}

        async def on_request(self, request):
            return None

    room = await define(Report)
    await room.request()

    line = await visitor.server.wait_for_log(f"on_cron of {room.party}/now raised")
    first, second = await visitor.notes(f"{room.party}/cron", "tick", 2)

    assert "[cron_failed]" in line
    assert "as asked" in line
    assert first != second


async def test_b10_of_two_processes_one_runs_each_tick(kind):
    """They share a database and nothing else; no tick is missing, none comes twice."""
    settings = {"CRONS": {"second": "* * * * * *"}, "TIME_ZONE": "UTC"}
    async with (
        serve(kind, settings=settings) as one,
        serve(kind, settings=settings, database=one.database) as other,
        visit(one) as here,
        visit(other) as there,
    ):
        for visitor in (here, there):
            await visitor.room("main").data()
        since = datetime.now(UTC)
        await more_ticks(here, there)
        first, second, third = [
            [at for _, at in await visitor.notes("second")]
            for visitor in (here, there, here)
        ]

    # What had been run by then, each process was asked for afterwards.
    until = max(first + second)
    ticks = [at for at in second + third if at <= until]
    times = sorted(map(datetime.fromisoformat, ticks))
    seconds = [(at - times[0]).total_seconds() for at in times if at > since]
    assert len(seconds) >= 2
    assert seconds == [seconds[0] + number for number in range(len(seconds))]


async def more_ticks(*visitors):
    """Wait until one of them has seen some more."""
    waits = []
    for visitor in visitors:
        times = len(await visitor.notes("second")) + 4
        waits.append(asyncio.ensure_future(visitor.notes("second", "tick", times)))
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


async def test_b10_a_missed_tick_runs_once_at_start(kind, on):
    """The last one, if it is younger than 1 h; without any request."""
    is_asked = on(uvicorn=False, daphne=True, instead=AFTER_AN_EVENT)
    now = datetime.now(UTC)
    crons = {
        # Daily, the last time two to three hours ago.
        "old": f"0 {(now - timedelta(hours=2)).hour} * * *",
        # The last time within this hour.
        "young": "0 * * * *",
    }
    settings = {"CRONS": crons, "TIME_ZONE": "UTC"}
    async with serve(kind, settings=settings) as server:
        async with visit(server) as visitor:
            await visitor.room("main").data()
            await known_crons(server.database, 2)
            await server.kill()
            long_ago = str((now - timedelta(days=3)).replace(tzinfo=None))
            execute(
                server.database,
                "UPDATE partyrooms_cronrecord SET scheduled_at = ?",
                long_ago,
            )
            await server.start()
        async with visit(server) as visitor:
            if is_asked:
                await visitor.room("main").data()
            ticks = await visitor.notes("young", "tick")
            none = await visitor.notes("old")

    assert none == []
    assert ticks[0][1].endswith(":00:00+00:00")
    assert datetime.fromisoformat(ticks[0][1]) > now - timedelta(hours=1)


async def known_crons(database, count):
    """Wait until a server has made its crons known."""
    query = "SELECT count(*) FROM partyrooms_cronrecord"
    async with asyncio.timeout(DEADLINE):
        while execute(database, query) != [(count,)]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # a file tells nobody of its changes


def test_b10_an_expression_that_is_none_is_a_system_check():
    """`partyrooms.E009` names the class, the cron and what is wrong."""
    checked = manage("check", settings={"CRONS": {"nightly": "0 25 * * *"}})

    assert checked.returncode == 1
    assert "partyrooms.E009" in checked.stderr
    assert "crons['nightly'] is '0 25 * * *': Bad hour" in checked.stderr


async def test_b10_a_cron_is_run_by_hand(kind):
    """`manage.py rooms cron NAME`, in the command's process; it reaches rooms."""
    settings = {"CRONS": {"yearly": "0 0 1 1 *"}}
    async with serve(kind, settings=settings) as server, visit(server) as visitor:
        run = manage(
            *("rooms", "cron", "ticking/yearly"),
            settings=settings,
            database=server.database,
        )
        unknown = manage(
            *("rooms", "cron", "ticking/other"),
            settings=settings,
            database=server.database,
        )
        counted = await visitor.room("counter", "cron-yearly").data()

    assert (run.returncode, run.stdout) == (0, "ticking/yearly has run.\n")
    assert unknown.returncode == 1
    assert "there are: ticking/yearly." in unknown.stderr
    assert counted["count"] == 1

"""Crons of a class: their ticks, what is called, and what is wrong with them."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from asgiref.sync import sync_to_async

from partyrooms import Room, registry
from partyrooms.api.crons import Schedule, schedules
from partyrooms.checks.options import check_crons

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def classes(monkeypatch):
    """The classes of a test are the only ones."""
    monkeypatch.setattr(registry, "_classes", {})


def ticks(expression, after, count):
    """The next ticks, as people in the project's time zone and in UTC write them."""
    found = islice(Schedule(Room, "x", expression).ticks(after), count)
    return [f"{tick:%m-%d %H:%M:%S}" for tick in found]


def test_b10_ticks_are_in_time_zone(settings):
    """B10: three o'clock is three o'clock there."""
    settings.TIME_ZONE = "Asia/Tokyo"

    assert ticks("0 3 * * *", NOON, 2) == ["01-01 18:00:00", "01-02 18:00:00"]


def test_b10_a_tick_is_behind_the_moment():
    """B10: so that the last one is not found again; seconds may be given."""
    assert ticks("0 * * * *", NOON, 1) == ["01-01 13:00:00"]
    assert ticks("0 * * * *", NOON - timedelta(microseconds=1), 1) == ["01-01 12:00:00"]
    assert ticks("*/20 * * * * *", NOON, 3) == [
        "01-01 12:00:20",
        "01-01 12:00:40",
        "01-01 12:01:00",
    ]


def test_b10_where_clocks_are_set_back_a_fixed_hour_ticks_once(settings):
    """B10: 02:30 comes twice on 27 October 2030 in Berlin; so does 02:10."""
    settings.TIME_ZONE = "Europe/Berlin"
    before = datetime(2030, 10, 26, 12, tzinfo=UTC)
    in_second_hour = datetime(2030, 10, 27, 1, 10, tzinfo=UTC)

    assert ticks("30 2 * * *", before, 2) == ["10-27 00:30:00", "10-28 01:30:00"]
    assert ticks("30 2 * * *", in_second_hour, 1) == ["10-28 01:30:00"]


@pytest.mark.parametrize("use_tz", [True, False])
def test_b10_where_clocks_are_set_back_star_goes_on_if_times_are_kept(settings, use_tz):
    """B10: a database without ``USE_TZ`` cannot tell the two hours apart."""
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "Europe/Berlin"
    before = datetime(2030, 10, 27, 0, 20, tzinfo=UTC)

    expected = ["10-27 00:40:00", "10-27 01:00:00", "10-27 01:20:00"]
    if not use_tz:
        expected = ["10-27 00:40:00", "10-27 02:00:00", "10-27 02:20:00"]
    assert ticks("*/20 * * * *", before, 3) == expected


def test_b10_where_clocks_are_set_forward_a_tick_in_the_gap_is_late(settings):
    """B10: 02:30 does not exist on 31 March 2030 in Berlin; 03:00 is 01:00 UTC."""
    settings.TIME_ZONE = "Europe/Berlin"
    before = datetime(2030, 3, 30, 12, tzinfo=UTC)

    assert ticks("30 2 * * *", before, 2) == ["03-31 01:00:00", "04-01 00:30:00"]


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("is_async", [True, False])
async def test_b10_on_cron_is_told_which_tick_it_is(settings, use_tz, is_async):
    """B10, R7: name, expression, scheduled_at as models hold it; async or plain."""
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "Asia/Tokyo"
    told = []

    class Told(Room):
        crons = {"nightly": "0 3 * * *"}  # noqa: RUF012

        if is_async:

            @classmethod
            async def on_cron(cls, cron, lobby):
                told.append((cls, cron, lobby))

        else:

            @classmethod
            def on_cron(cls, cron, lobby):
                told.append((cls, cron, lobby))

    (schedule,) = schedules()
    await schedule.run(NOON, sync_to_async)

    ((cls, cron, lobby),) = told
    local = datetime(2030, 1, 1, 21)
    assert cls is Told
    assert (cron.name, cron.expression) == ("nightly", "0 3 * * *")
    assert cron.scheduled_at == (NOON if use_tz else local)
    assert (lobby.party, lobby.room_id) == ("told", "")
    assert lobby.parties["told"].get("lobby").key.room_id == "lobby"


async def test_b10_a_plain_on_cron_that_raises_stop_iteration_ends():
    """B10: as ``next()`` does; no future can hold that one."""

    class Report(Room):
        crons = {"nightly": "0 3 * * *"}  # noqa: RUF012

        @classmethod
        def on_cron(cls, cron, lobby):
            next(iter(()))

    (schedule,) = schedules()

    with pytest.raises(RuntimeError, match="on_cron raised StopIteration"):
        await schedule.run(NOON, sync_to_async)


def test_b10_each_party_has_the_crons_of_its_base():
    """B10: of any class, not only of party main; an abstract one has none itself."""

    class Base(Room):
        abstract = True
        crons = {"nightly": "0 3 * * *"}  # noqa: RUF012

        @classmethod
        async def on_cron(cls, cron, lobby):
            pass

    class One(Base):
        pass

    class Two(Base):
        crons = {**Base.crons, "hourly": "0 * * * *"}  # noqa: RUF012

    assert [str(one) for one in schedules()] == [
        "one/nightly",
        "two/nightly",
        "two/hourly",
    ]


class Ticking(Room):
    """Does what is asked of a class with crons."""

    abstract = True

    @classmethod
    async def on_cron(cls, cron, lobby):
        pass


@pytest.mark.parametrize(
    ("value", "message", "hint"),
    [
        ({"a": "0 3 * *"}, "'0 3 * *': Wrong number of fields", "minute, hour, day"),
        ({"a": "0 25 * * *"}, "Bad hour", "0 3 * * *"),
        ({"a": "0 0 30 2 *"}, "Bad day-of-month", "weekday"),
        ({"a": ""}, "Wrong number of fields", "sixth field"),
        ({"a": 5}, "it is no str", "minute, hour"),
        ({"a": f"{','.join('1' * 200)} * * * *"}, "longer than 256", "minute"),
        ({"": "* * * * *"}, "crons has the name ''", "1 to 128 characters"),
        ({1: "* * * * *"}, "crons has the name 1", "1 to 128 characters"),
        (["* * * * *"], "must be a dict", 'crons = {"nightly": "0 3 * * *"}'),
    ],
)
def test_b10_a_cron_that_cannot_be_is_an_error_with_the_fix(value, message, hint):
    """B10, E009: and none of that class's crons runs; others do."""

    class Broken(Ticking):
        crons = value

    class Well(Ticking):
        crons = {"nightly": "0 3 * * *"}  # noqa: RUF012

    (found,) = check_crons()

    assert found.id == "partyrooms.E009"
    assert message in found.msg
    assert hint in found.hint
    assert found.obj.endswith("Broken")
    assert [str(one) for one in schedules()] == ["well/nightly"]


@pytest.mark.parametrize("hook", [None, "method", "static"])
def test_b10_crons_without_a_class_method_are_an_error(hook):
    """B10, E009: there is no instance that could be called."""

    class Broken(Room):
        crons = {"nightly": "0 3 * * *"}  # noqa: RUF012

        if hook == "method":

            async def on_cron(self, cron, lobby):
                pass

        elif hook == "static":

            @staticmethod
            async def on_cron(cron, lobby):
                pass

    (found,) = check_crons()

    assert "no class method on_cron" in found.msg
    assert "@classmethod async def on_cron(cls, cron, lobby)" in found.hint


def test_classes_without_crons_are_well():
    """They need no on_cron either."""

    class Plain(Room):
        pass

    assert check_crons() == []
    assert schedules() == []
    assert not registry.needs_time()


def test_a_class_with_crons_needs_time():
    """So that a server starts its node at once."""

    class Well(Ticking):
        crons = {"nightly": "0 3 * * *"}  # noqa: RUF012

    assert registry.needs_time()

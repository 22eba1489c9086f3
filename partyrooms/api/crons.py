"""``crons`` and ``on_cron`` of a room's class: what ticks when, and what is called."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cronsim import CronSim, CronSimError
from django.utils.timezone import get_default_timezone

from partyrooms import registry
from partyrooms.api.lobby import Lobby
from partyrooms.api.parties import parties
from partyrooms.models import MAX_CRON_NAME_SIZE, MAX_EXPRESSION_SIZE
from partyrooms.ports.records import CronKey
from partyrooms.ports.rooms import RoomClass
from partyrooms.timezones import as_project, as_stored, as_utc
from partyrooms.usercode import InThread, call


@dataclass(frozen=True, slots=True)
class Cron:
    """
    One tick, as ``on_cron`` is told of it.

    Attributes:
        name: Its key in ``crons``.
        expression: Its value there.
        scheduled_at: When it was due, as the project's models hold times.
    """

    name: str
    expression: str
    scheduled_at: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """
    One cron of one class.

    Attributes:
        room_class: Whose ``on_cron`` is called.
        name: The cron's.
        expression: When.
    """

    room_class: RoomClass
    name: str
    expression: str

    @property
    def key(self) -> CronKey:
        """What identifies it in the database."""
        return self.room_class.party, self.name

    def ticks(self, after: datetime) -> Iterator[datetime]:
        """
        Its ticks behind a moment, without end, in UTC.

        Each is one that the database can keep: without ``USE_TZ``, the hour that comes
        twice where clocks are set back has its ticks the first time only.
        """
        start = after.astimezone(get_default_timezone())
        for tick in CronSim(self.expression, start):
            moment = as_utc(tick)
            if moment > after and as_stored(moment) == moment:
                yield moment

    async def run(self, tick: datetime, in_thread: InThread) -> None:
        """
        Call ``on_cron`` for a tick.

        Raises:
            CancelledError: If the task that runs it was cancelled.
            Exception: What it raised; if that was no ``Exception``, a ``RuntimeError``.
        """
        on_cron: Any = self.room_class.on_cron
        cron = Cron(self.name, self.expression, as_project(tick))
        lobby = Lobby(self.room_class.party, "", parties)
        await call(on_cron, cron, lobby, name="on_cron", in_thread=in_thread)

    def __str__(self) -> str:
        return "/".join(self.key)


def schedules() -> list[Schedule]:
    """Every cron of every party that can be run; ``problems()`` tells of the others."""
    return [
        Schedule(room_class, name, expression)
        for room_class in map(registry.get, registry.names())
        if next(problems(room_class), None) is None
        for name, expression in room_class.crons.items()
    ]


def problems(room_class: RoomClass) -> Iterator[tuple[str, str]]:
    """What is wrong with a class's crons, and how to mend it."""
    crons: Any = room_class.crons
    if not isinstance(crons, Mapping):
        yield (
            f"crons is {crons!r:.100}; it must be a dict of names and expressions.",
            'Write it as in crons = {"nightly": "0 3 * * *"}.',
        )
        return
    for name, expression in crons.items():
        if not isinstance(name, str) or not 0 < len(name) <= MAX_CRON_NAME_SIZE:
            yield (
                f"crons has the name {name!r:.100}.",
                f"A name is a str of 1 to {MAX_CRON_NAME_SIZE} characters.",
            )
        problem = _problem_with(expression)
        if problem:
            yield (
                f"crons[{name!r:.100}] is {expression!r:.100}: {problem}.",
                'Write minute, hour, day, month and weekday, as in "0 3 * * *" (each '
                'day at three) or "*/10 * * * MON-FRI" (each ten minutes on workdays); '
                "a sixth field in front of them is the second.",
            )
    if crons and not _is_class_method(room_class, "on_cron"):
        yield (
            "it has crons, but no class method on_cron.",
            "Add `@classmethod async def on_cron(cls, cron, lobby)`.",
        )


def _problem_with(expression: object) -> str:
    if not isinstance(expression, str):
        return "it is no str"
    if len(expression) > MAX_EXPRESSION_SIZE:
        return f"it is longer than {MAX_EXPRESSION_SIZE} characters"
    try:
        next(CronSim(expression, datetime(2000, 1, 1)))  # naive: in no time zone
    except CronSimError as error:
        return str(error)
    except StopIteration:
        return "it never ticks"
    return ""


def _is_class_method(room_class: type, name: str) -> bool:
    method = getattr(room_class, name, None)
    return inspect.ismethod(method) and method.__self__ is room_class

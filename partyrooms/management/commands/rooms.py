"""``manage.py rooms``: look at rooms from a terminal, stop them, speak to them."""

import asyncio
import sys
import time
from argparse import ArgumentParser
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from partyrooms.api.crons import Schedule, schedules
from partyrooms.api.parties import parties
from partyrooms.conf import get_settings
from partyrooms.core.keys import RoomKey
from partyrooms.doctor.diagnosis import diagnose
from partyrooms.doctor.surroundings import look_around
from partyrooms.doctor.visit import visit
from partyrooms.exceptions import BadRoomId, PartyroomsError
from partyrooms.management.console import endings
from partyrooms.management.console.arguments import add_actions
from partyrooms.management.console.files import (
    count_rooms,
    to_read,
    to_write,
)
from partyrooms.management.console.output import Output
from partyrooms.management.console.progress import progress
from partyrooms.management.console.records import (
    COLUMNS,
    describe,
    describe_alarm,
    find,
    pieces_of_list,
    rooms_of,
)
from partyrooms.management.console.tail import changes
from partyrooms.management.console.transfer import export, import_rooms, read_rooms
from partyrooms.models import RoomRecordQuerySet
from partyrooms.server.start import start_node


class Command(BaseCommand):
    """Work on rooms through the database, whichever process owns them."""

    help = "List, show, stop and delete rooms, broadcast; look at alarms, run crons."

    # The doctor tells what they find, and needs no project that passes them.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--database",
            help="The alias of the database with the rooms (default: PARTYROOMS').",
        )
        add_actions(parser.add_subparsers(dest="action", required=True))

    def handle(
        self,
        *args: Any,
        action: str,
        database: str | None,
        is_json: bool,
        **options: Any,
    ) -> None:
        out = Output(self.stdout, is_json=is_json)
        if action == "cron":
            run_cron(out, options["name"])
            return
        if action == "doctor":
            examine(out, options["address"])
            return
        rooms = rooms_of(database or get_settings().database)
        match action:
            case "list":
                return list_rooms(out, rooms, options["party"])
            case "export":
                return self.export(rooms, options)
            case "import":
                return self.import_(out, rooms, options)
        try:
            key = RoomKey.parse(options["key"])
        except BadRoomId as error:
            raise CommandError(str(error)) from error
        match action:
            case "show":
                show(out, rooms, key)
            case "stop" if endings.stop(rooms, key, options["timeout"]):
                out.done(f"{key} has stopped.", room=str(key), was_running=True)
            case "stop":
                out.done(f"{key} was not running.", room=str(key), was_running=False)
            case "delete":
                endings.delete(rooms, key)
                out.done(f"{key} is deleted.", room=str(key), deleted=True)
            case "lock" | "unlock":
                lock(out, rooms, key, locked=action == "lock")
            case "tail":
                tail(out, rooms, key, options["interval"])
            case "alarm":
                show_alarm(out, rooms, key, is_retry=options["retry"])
            case "broadcast":
                broadcast(out, key, options["text"])

    def export(self, rooms: RoomRecordQuerySet, options: dict[str, Any]) -> None:
        """Write rooms to a file, or to standard output."""
        if options["party"] is not None:
            rooms = rooms.filter(party=options["party"])
        with to_write(options["file"], resumes=options["resume"]) as (file, row):
            total = rooms.filter(pk__gt=row).count()
            with progress(self.stderr, "rooms", total) as on_room:
                for line in export(rooms, row, on_room):
                    (self.stdout if file is sys.stdout else file).write(f"{line}\n")

    def import_(
        self, out: Output, rooms: RoomRecordQuerySet, options: dict[str, Any]
    ) -> None:
        """Store the rooms of a file, or of standard input."""
        name = options["file"]
        with (
            to_read(name) as file,
            progress(self.stderr, "rooms", count_rooms(name)) as on_room,
        ):
            carried, replaces = read_rooms(file), options["replace"]
            found = import_rooms(rooms, carried, replaces=replaces, on_room=on_room)
        text = f"{found.made} rooms imported, {found.replaced} replaced"
        if found.left_alone:
            text += f", {found.left_alone} left alone: they exist or run"
        out.done(f"{text}.", **asdict(found))


def examine(out: Output, address: str | None) -> None:
    """Print each fault and its remedy; a CommandError if there is any."""
    findings = [*look_around()]
    if address is not None:
        try:
            findings += diagnose(visit(address))
        except ImportError as error:
            text = f'{error}: pip install "partyrooms[server]" brings what visits.'
            raise CommandError(text) from error
    for number, found in enumerate(findings, 1):
        out.done(f"{number}. {found.fault}\n   {found.remedy}", **asdict(found))
    if findings:
        raise CommandError(f"Faults found: {len(findings)}.")
    out.done("No fault found.", faults=0)


def list_rooms(out: Output, rooms: RoomRecordQuerySet, party: str | None) -> None:
    """Print the rooms, of one party or of all."""
    if party is not None:
        rooms = rooms.filter(party=party)
    if not out.table(COLUMNS, pieces_of_list(rooms)) and not out.is_json:
        out.done("No rooms.")


def show(out: Output, rooms: RoomRecordQuerySet, key: RoomKey) -> None:
    """Print a room's row and its entries."""
    room = find(rooms.with_sizes(), key)
    out.fields(
        {
            "room": str(room),
            "owner": describe(room.owner),
            "epoch": room.epoch,
            "version": room.version,
            "stop requested": room.stop_requested,
            "locked": room.locked,
            "alarm": describe_alarm(room),
            "created": room.created_at.isoformat(" ", "seconds"),
            "entries": room.entry_count,
            "bytes": room.total_size,
        }
    )
    # An iterator: each value may have a megabyte.
    for entry in room.entries.order_by("key").iterator(chunk_size=20):
        shown = f"  {entry.key_text} = {entry.value_text}"
        out.done(shown, key=entry.key_text, size=entry.size, value=entry.value_text)


def lock(out: Output, rooms: RoomRecordQuerySet, key: RoomKey, *, locked: bool) -> None:
    """Lock a room, or unlock it; every process sees it within two seconds."""
    rooms.filter(pk=find(rooms, key).pk).update(locked=locked)
    text = "refuses newcomers" if locked else "takes newcomers"
    out.done(
        f"{key} {text}, in every process within 2 s.", room=str(key), locked=locked
    )


def tail(out: Output, rooms: RoomRecordQuerySet, key: RoomKey, interval: float) -> None:
    """Print what changes of a room until somebody interrupts it."""
    with suppress(KeyboardInterrupt):
        for facts in changes(rooms, key, lambda: time.sleep(interval)):
            shown = ", ".join(f"{name} {value}" for name, value in facts.items())
            at = now().isoformat(" ", "seconds")
            out.done(f"{at}  {shown}", at=at, room=str(key), **facts)


def show_alarm(
    out: Output, rooms: RoomRecordQuerySet, key: RoomKey, *, is_retry: bool
) -> None:
    """Print a room's alarm; let one that was given up be rung."""
    room = find(rooms, key)
    alarm = describe_alarm(room)
    if not is_retry:
        out.done(
            f"{key}: {alarm}",
            room=str(key),
            alarm_at=room.alarm_at,
            attempts=room.alarm_attempts,
            error=room.alarm_error,
            failed=room.alarm_failed,
        )
    elif rooms.filter(pk=room.pk).retry_alarms():
        text = "rung by the process that has it, or by the next one that looks"
        out.done(f"{key}: {text}", room=str(key), retried=True)
    else:
        raise CommandError(f"{key} has no alarm that was given up: {alarm}.")


def broadcast(out: Output, key: RoomKey, text: str) -> None:
    """Send a text to every connection of a room, in whatever process it runs."""
    try:
        stub = parties[key.party].get(key.room_id)
        async_to_sync(stub.broadcast)(text)
    except (PartyroomsError, ValueError) as error:
        raise CommandError(str(error)) from error
    out.done(f"{key} has it.", room=str(key), sent=True)


def run_cron(out: Output, name: str) -> None:
    """Call ``on_cron`` as if it were time; its next tick comes all the same."""
    known = {str(one): one for one in schedules()}
    if name not in known:
        raise CommandError(
            f"There is no cron {name}; there are: {', '.join(known) or 'none'}."
        )
    asyncio.run(run_by_hand(known[name]))
    out.done(f"{name} has run.", cron=name, run=True)


async def run_by_hand(schedule: Schedule) -> None:
    """Run a cron; what it needs of rooms is run here, or reached over the layer."""
    node = start_node(keeps_time=False)
    try:
        await schedule.run(datetime.now(UTC).replace(microsecond=0), sync_to_async)
    finally:
        await node.close()

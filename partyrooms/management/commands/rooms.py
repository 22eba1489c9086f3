"""``manage.py rooms``: look at rooms from a terminal, stop them, speak to them."""

import asyncio
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction
from django.db.models import Count, Sum
from django.db.models.functions import Length

from partyrooms.api.crons import Schedule, schedules
from partyrooms.api.parties import parties
from partyrooms.conf import get_settings
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import BadRoomId, PartyroomsError
from partyrooms.models import Entry, Node, RoomRecord, RoomRecordQuerySet
from partyrooms.nodes.death import declare_dead, is_live
from partyrooms.server.start import start_node

HEADER = ["ROOM", "OWNER", "EPOCH", "VERSION", "ENTRIES", "BYTES"]

PIECE = 1000
"""Rooms that are read, and set in columns, at a time."""

POLL_INTERVAL = 0.1
"""Seconds between two looks at a room that is asked to stop."""


class Command(BaseCommand):
    """Work on rooms through the database, whichever process owns them."""

    help = "List, show, stop and delete rooms, broadcast; look at alarms, run crons."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--database",
            help="The alias of the database with the rooms (default: PARTYROOMS').",
        )
        actions = parser.add_subparsers(dest="action", required=True)
        room = ArgumentParser(add_help=False)
        room.add_argument("key", help="Party and room id, as in chat/lobby.")

        def add(name: str, text: str, *parents: ArgumentParser) -> ArgumentParser:
            action: ArgumentParser
            action = actions.add_parser(name, help=text, parents=parents)
            return action

        listing = add("list", "One line for each room.")
        listing.add_argument("--party", help="Only the rooms of this party.")
        add("show", "A room's row and what it stores.", room)
        stop = add("stop", "End a room's life; the next event starts it again.", room)
        wait = "Seconds to wait for the owner (default: 10)."
        stop.add_argument("--timeout", type=float, default=10.0, help=wait)
        add("delete", "Remove a stopped room with all that it stores.", room)
        alarm = add("alarm", "When a room is woken next, and how that went.", room)
        retry = "Let an alarm that was given up ring."
        alarm.add_argument("--retry", action="store_true", help=retry)
        broadcast = add("broadcast", "Send a text to all connections of a room.", room)
        broadcast.add_argument("text", help="What is sent, as it is.")
        cron = add("cron", "Run a cron now, in this process.")
        cron.add_argument("name", help="Party and name, as in chat/nightly.")

    def handle(
        self, *args: Any, action: str, database: str | None, **options: Any
    ) -> None:
        if action == "cron":
            self.run_cron(options["name"])
            return
        rooms = rooms_of(database or get_settings().database)
        if action == "list":
            self.list_rooms(rooms, options["party"])
            return
        try:
            key = RoomKey.parse(options["key"])
        except BadRoomId as error:
            raise CommandError(str(error)) from error
        match action:
            case "show":
                self.show(rooms, key)
            case "stop":
                self.stop(rooms, key, options["timeout"])
            case "delete":
                self.delete(rooms, key)
            case "alarm":
                self.show_alarm(rooms, key, is_retry=options["retry"])
            case "broadcast":
                self.broadcast(key, options["text"])

    def list_rooms(self, rooms: RoomRecordQuerySet, party: str | None) -> None:
        """Print the rooms, of one party or of all."""
        if party is not None:
            rooms = rooms.filter(party=party)
        widths = [0] * len(HEADER)
        for lines in pieces_of_list(rooms):
            if not any(widths):
                lines.insert(0, HEADER)
            # Of those that are to come nothing is known: they may need wider columns.
            columns = zip(widths, *(map(len, one) for one in lines), strict=True)
            widths = [max(column) for column in columns]
            for room, owner, *numbers in lines:
                cells = [room.ljust(widths[0]), owner.ljust(widths[1])]
                cells += map(str.rjust, numbers, widths[2:])
                self.stdout.write("  ".join(cells))
        if not any(widths):
            self.stdout.write("No rooms.")

    def show(self, rooms: RoomRecordQuerySet, key: RoomKey) -> None:
        """Print a room's row and its entries."""
        room = find(rooms.with_sizes(), key)
        for name, value in (
            ("room", room),
            ("owner", describe(room.owner)),
            ("epoch", room.epoch),
            ("version", room.version),
            ("stop requested", "yes" if room.stop_requested else "no"),
            ("alarm", describe_alarm(room)),
            ("created", room.created_at.isoformat(" ", "seconds")),
            ("entries", f"{room.entry_count} ({room.total_size} bytes)"),
        ):
            self.stdout.write(f"{name:<16}{value}")
        # An iterator: each value may have a megabyte.
        for entry in room.entries.order_by("key").iterator(chunk_size=20):
            self.stdout.write(f"  {entry.key_text} = {entry.value_text}")

    def show_alarm(
        self, rooms: RoomRecordQuerySet, key: RoomKey, *, is_retry: bool
    ) -> None:
        """Print a room's alarm; let one that was given up be rung."""
        room = find(rooms, key)
        if not is_retry:
            self.stdout.write(f"{key}: {describe_alarm(room)}")
        elif rooms.filter(pk=room.pk).retry_alarms():
            self.stdout.write(
                f"{key}: rung by the process that has it, or by the next one that looks"
            )
        else:
            raise CommandError(
                f"{key} has no alarm that was given up: {describe_alarm(room)}."
            )

    def run_cron(self, name: str) -> None:
        """Call ``on_cron`` as if it were time; its next tick comes all the same."""
        known = {str(one): one for one in schedules()}
        if name not in known:
            raise CommandError(
                f"There is no cron {name}; there are: {', '.join(known) or 'none'}."
            )
        asyncio.run(run_by_hand(known[name]))
        self.stdout.write(f"{name} has run.")

    def stop(self, rooms: RoomRecordQuerySet, key: RoomKey, timeout: float) -> None:
        """Ask the owner to stop a room, and wait until it has released it."""
        room = find(rooms, key)
        if not is_live(room.owner):
            self.release(rooms, room)
            self.stdout.write(f"{key} was not running.")
            return
        period = rooms.filter(pk=room.pk, owner=room.owner, epoch=room.epoch)
        period.update(stop_requested=True)
        deadline = time.monotonic() + timeout
        while period.exists():
            if time.monotonic() >= deadline:
                raise CommandError(
                    f"{key} did not stop within {timeout:g} s. Its owner, "
                    f"{describe(room.owner)}, reads requests with each heartbeat and "
                    "lets a running hook end first; it may be busy or hung. The "
                    "request stays: wait longer (--timeout), or stop that process."
                )
            time.sleep(POLL_INTERVAL)
        self.stdout.write(f"{key} has stopped.")

    def release(self, rooms: RoomRecordQuerySet, room: RoomRecord) -> None:
        """Clear the owner that is dead, and an earlier request to stop."""
        if room.owner is not None:
            declare_dead(room.owner, database=rooms.db)
        rooms.filter(pk=room.pk, owner=room.owner, epoch=room.epoch).update(
            owner=None, stop_requested=False
        )

    def delete(self, rooms: RoomRecordQuerySet, key: RoomKey) -> None:
        """Remove a room that no living node owns."""
        with transaction.atomic(using=rooms.db):
            room = find(rooms.select_for_update(of=("self",)), key)
            if is_live(room.owner):
                raise CommandError(
                    f"{key} is owned by {describe(room.owner)} and would write again. "
                    f"Stop it first: manage.py rooms stop {key}"
                )
            room.delete()
        self.stdout.write(f"{key} is deleted.")

    def broadcast(self, key: RoomKey, text: str) -> None:
        """Send a text to every connection of a room, in whatever process it runs."""
        try:
            stub = parties[key.party].get(key.room_id)
            async_to_sync(stub.broadcast)(text)
        except (PartyroomsError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{key} has it.")


async def run_by_hand(schedule: Schedule) -> None:
    """Run a cron; what it needs of rooms is run here, or reached over the layer."""
    node = start_node(keeps_time=False)
    try:
        await schedule.run(datetime.now(UTC).replace(microsecond=0), sync_to_async)
    finally:
        await node.close()


def rooms_of(database: str) -> RoomRecordQuerySet:
    """The rooms of a database; a CommandError if it can have none."""
    if database not in connections:
        known = ", ".join(sorted(connections))
        raise CommandError(f"DATABASES has no alias {database!r}; it has {known}.")
    try:
        tables = connections[database].introspection.table_names()
    except OperationalError as error:
        raise CommandError(f"The database {database!r} failed: {error}") from error
    if RoomRecord._meta.db_table not in tables:
        option = "" if database == DEFAULT_DB_ALIAS else f" --database {database}"
        raise CommandError(
            f"The database {database!r} has no tables of partyrooms yet. Make them: "
            f"manage.py migrate{option}"
        )
    return RoomRecord.objects.using(database)


def find(rooms: RoomRecordQuerySet, key: RoomKey) -> Any:
    """The room's row with its owner; a CommandError if there is none."""
    try:
        return rooms.select_related("owner").get(party=key.party, room_id=key.room_id)
    except RoomRecord.DoesNotExist:
        raise CommandError(
            f"There is no room {key}; `manage.py rooms list` names them all."
        ) from None


def pieces_of_list(rooms: RoomRecordQuerySet) -> Iterator[list[list[str]]]:
    """The cells of all rooms, so many rooms at a time that memory does not matter."""
    nodes = Node.objects.using(rooms.db)
    # Looked at once for each process, not for each of its rooms.
    owner_of = cache(lambda pk: describe(nodes.filter(pk=pk).first()))
    columns = ("pk", "party", "room_id", "owner", "epoch", "version")
    found = rooms.order_by("party", "room_id").values_list(*columns)
    cursor = found.iterator(chunk_size=PIECE)
    while piece := list(islice(cursor, PIECE)):
        records = [row[0] for row in piece]
        entries = Entry.objects.using(rooms.db).filter(room__in=records).order_by()
        size = Sum(Length("key") + Length("value"))
        sums = entries.values("room").annotate(number=Count("pk"), total=size)
        sizes = {
            room: rest for room, *rest in sums.values_list("room", "number", "total")
        }
        yield [
            [
                f"{party}/{room_id}",
                owner_of(owner),
                *map(str, (*numbers, *sizes.get(pk, (0, 0)))),
            ]
            for pk, party, room_id, owner, *numbers in piece
        ]


def describe_alarm(room: Any) -> str:
    """When a room's alarm is due, in a few words."""
    if room.alarm_at is None:
        return "none"
    at = room.alarm_at.isoformat(" ", "seconds")
    if not room.alarm_attempts:
        return f"due {at}"
    failures = f"{room.alarm_attempts} failed attempts: {room.alarm_error}"
    return f"{'given up' if room.alarm_failed else 'due'} {at} after {failures}"


def describe(owner: Node | None) -> str:
    """Who owns a room, in a few words."""
    if owner is None:
        return "nobody"
    return f"process {owner.pid} ({'alive' if is_live(owner) else 'dead'})"

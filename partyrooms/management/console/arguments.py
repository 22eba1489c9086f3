"""What ``manage.py rooms`` is told: its actions and their arguments."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from partyrooms.management.console.files import STANDARD

Add = Callable[..., ArgumentParser]


def add_actions(actions: Any) -> None:
    """Fill what ``ArgumentParser.add_subparsers()`` made."""
    form = ArgumentParser(add_help=False)
    lines = "Print JSON, one object a line, for programs."
    form.add_argument("--json", action="store_true", dest="is_json", help=lines)
    room = ArgumentParser(add_help=False)
    room.add_argument("key", help="Party and room id, as in chat/lobby.")

    def add(name: str, text: str, *parents: ArgumentParser) -> ArgumentParser:
        action: ArgumentParser
        action = actions.add_parser(name, help=text, parents=[form, *parents])
        return action

    _add_for_all(add)
    _add_for_one(lambda name, text: add(name, text, room))


def _add_for_all(add: Add) -> None:
    party = "Only the rooms of this party."
    listing = add("list", "One line for each room.")
    listing.add_argument("--party", help=party)
    exporting = add("export", "Write rooms, with all they store, as JSON lines.")
    exporting.add_argument("file", nargs="?", default=STANDARD, help="Where to.")
    exporting.add_argument("--party", help=party)
    go_on = "Go on with the file behind its last whole room."
    exporting.add_argument("--resume", action="store_true", help=go_on)
    importing = add("import", "Store exported rooms; those that exist stay.")
    importing.add_argument("file", nargs="?", default=STANDARD, help="An export.")
    replace = "Replace rooms that exist and do not run."
    importing.add_argument("--replace", action="store_true", help=replace)
    doctor = add("doctor", "Say what is wrong with this deployment, and the remedy.")
    public = "The public address, as https://example.com; it is visited."
    doctor.add_argument("address", nargs="?", help=public)
    cron = add("cron", "Run a cron now, in this process.")
    cron.add_argument("name", help="Party and name, as in chat/nightly.")


def _add_for_one(add: Add) -> None:
    add("show", "A room's row and what it stores.")
    stop = add("stop", "End a room's life; the next event starts it again.")
    wait = "Seconds to wait for the owner (default: 10)."
    stop.add_argument("--timeout", type=float, default=10.0, help=wait)
    add("delete", "Remove a stopped room with all that it stores.")
    add("lock", "Refuse newcomers; who is there stays.")
    add("unlock", "Let newcomers in again.")
    tail = add("tail", "Print what changes of a room, until Ctrl+C.")
    pause = "Seconds between two looks (default: 1)."
    tail.add_argument("--interval", type=float, default=1.0, help=pause)
    alarm = add("alarm", "When a room is woken next, and how that went.")
    retry = "Let an alarm that was given up ring."
    alarm.add_argument("--retry", action="store_true", help=retry)
    broadcast = add("broadcast", "Send a text to all connections of a room.")
    broadcast.add_argument("text", help="What is sent, as it is.")

"""What rooms stand on, looked at from within: settings, database, layer, processes."""

from collections.abc import Iterator
from uuid import uuid4

from asgiref.sync import async_to_sync
from django.core.checks import run_checks
from django.db import Error, connections
from django.db.migrations.executor import MigrationExecutor

from partyrooms.cluster.transport import shared_layer
from partyrooms.conf import get_settings
from partyrooms.doctor.finding import Finding
from partyrooms.doctor.room import Doctor
from partyrooms.models import Entry, Node, RoomRecord
from partyrooms.nodes.death import is_live
from partyrooms.server.readiness import echo

WRITTEN = 2**18
"""Bytes that are stored, and removed, to see whether there is space."""


def look_around() -> Iterator[Finding]:
    """Say what is wrong around this process, which has the servers' settings."""
    for message in run_checks(include_deployment_checks=True):
        if (message.id or "").startswith("partyrooms.") and not message.is_silenced():
            yield Finding(f"{message.id}: {message.msg}", message.hint or "")
    yield from _look_at_database(get_settings().database)
    yield from _look_at_layer(get_settings().channel_layer)


def _look_at_database(alias: str) -> Iterator[Finding]:
    where = f"The database {alias!r}"
    try:
        loader = MigrationExecutor(connections[alias])
        targets = [
            one for one in loader.loader.graph.leaf_nodes() if one[0] == "partyrooms"
        ]
        is_migrated = not loader.migration_plan(targets)
    except Error as error:
        yield Finding(f"{where} does not answer: {error}.", "Is it up, and reachable?")
        return
    if not is_migrated:
        option = "" if alias == "default" else f" --database {alias}"
        yield Finding(
            f"{where} lacks tables or columns: rooms cannot start.",
            f"manage.py migrate{option}",
        )
        return
    try:
        _write(alias)
    except Error as error:
        yield Finding(
            f"{where} cannot be written: {error}. Rooms cannot start, nor store.",
            "Is its disk full, is it read-only (a replica; a file of another user, or "
            "a folder that is), or locked?",
        )


def _write(alias: str) -> None:
    rooms = RoomRecord.objects.using(alias)
    room = rooms.create(party=Doctor.party, room_id=uuid4().hex)
    try:
        # Committed: a full disk may show no earlier.
        value = bytes(WRITTEN)
        Entry.objects.using(alias).create(room=room, key=b"space", value=value)
    finally:
        room.delete()


def _look_at_layer(alias: str) -> Iterator[Finding]:
    if shared_layer(alias) is not None:
        try:
            async_to_sync(echo)(alias)
        except Exception as error:  # whatever the layer's client raises
            text = f"{type(error).__name__}: {error}" if str(error) else "in time"
            yield Finding(
                f"The channel layer {alias!r} does not give a message back ({text}): "
                "processes cannot reach each other's rooms.",
                "Is Redis or Valkey up, and is its address in CHANNEL_LAYERS right?",
            )
        return
    nodes = Node.objects.using(get_settings().database)
    try:
        alive = [f"{one.pid}" for one in nodes.all() if is_live(one)]
    except Error:
        return  # The database was told of.
    if len(alive) > 1:
        yield Finding(
            f"Processes {', '.join(alive)} run rooms of one database without a channel "
            "layer that they share: each refuses the others' rooms.",
            "Configure channels_redis as CHANNEL_LAYERS, or run one process.",
        )

"""What partyrooms keeps in the database: rooms, their entries, and who owns them."""

import uuid
from typing import Self, TypeVar

from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, Length
from django.utils.timezone import now

from partyrooms.conf import get_settings
from partyrooms.core.keys import RoomKey
from partyrooms.core.values import MAX_KEY_SIZE, decode

MAX_CRON_NAME_SIZE, MAX_EXPRESSION_SIZE = 128, 256
"""Characters of a cron's name, and of its expression."""

PREVIEW_SIZE = 1024
"""Characters of a value that people are shown."""

ModelT = TypeVar("ModelT", bound=models.Model)


class RoomsDatabaseManager(models.Manager[ModelT]):
    """Looks where the rooms are, ``PARTYROOMS["DATABASE"]``, if no alias is named."""

    def get_queryset(self) -> models.QuerySet[ModelT]:
        rows = super().get_queryset()
        return rows if self._db else rows.using(get_settings().database)


class Node(models.Model):
    """
    One life of a process that owns rooms.

    Nothing here is a time: ``heartbeat`` is a counter, and each node that watches it
    uses its own clock. ``created_at`` is for people.
    """

    class State(models.TextChoices):
        ALIVE = "alive", "alive"
        DEAD = "dead", "dead"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host = models.CharField(
        max_length=128, help_text="The machine's boot and the namespace of its pids."
    )
    pid = models.BigIntegerField("process id")
    pid_started = models.CharField(
        "process start mark",
        max_length=64,
        blank=True,
        help_text="Tells it from a later process with the same pid.",
    )
    heartbeat = models.BigIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State, default=State.ALIVE)
    channel = models.CharField(
        max_length=100, blank=True, help_text="Its own in the channel layer."
    )
    takes_rooms = models.BooleanField(
        default=True, help_text="Whether rooms may be placed here."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RoomsDatabaseManager["Node"]()

    class Meta:
        verbose_name = "node"
        verbose_name_plural = "nodes"

    def __str__(self) -> str:
        return f"process {self.pid} ({self.state})"


class RoomRecordQuerySet(models.QuerySet["RoomRecord"]):
    """Rooms, with what their entries add up to."""

    def with_sizes(self) -> Self:
        """
        Add ``entry_count`` and ``total_size`` (bytes, as the room's limit counts them).

        Subqueries: they are computed for the rows that are fetched, not for the table.
        """
        entries = Entry.objects.filter(room=OuterRef("pk")).order_by().values("room")
        size = Sum(Length("key") + Length("value"))
        return self.annotate(
            entry_count=Coalesce(
                Subquery(entries.annotate(n=Count("pk")).values("n")), 0
            ),
            total_size=Coalesce(Subquery(entries.annotate(n=size).values("n")), 0),
        )

    def retry_alarms(self) -> int:
        """Let the alarms that were given up be rung at once; how many there were."""
        return self.filter(alarm_failed=True).update(
            alarm_failed=False, alarm_attempts=0, alarm_at=now()
        )


class RoomRecord(models.Model):
    """
    A room that has been claimed at least once.

    ``epoch`` counts its ownership periods and only rises; ``version`` counts its
    commits. Both are the fence: a commit that expects other values writes nothing, but
    ``last_commit`` tells one that was written before, and whose answer was lost.
    """

    id = models.BigAutoField(primary_key=True)
    party = models.CharField(max_length=64)
    room_id = models.CharField("room id", max_length=256)
    owner = models.ForeignKey(
        Node, null=True, blank=True, on_delete=models.SET_NULL, related_name="rooms"
    )
    epoch = models.BigIntegerField(default=0)
    version = models.BigIntegerField(default=0)
    last_commit = models.UUIDField(null=True, editable=False)
    stop_requested = models.BooleanField(default=False)
    locked = models.BooleanField(default=False, help_text="Newcomers are refused.")
    blocked_count = models.PositiveSmallIntegerField(
        default=0, help_text="How often in a row it cost its process by blocking it."
    )
    quarantined_until = models.DateTimeField(null=True, blank=True)
    alarm_at = models.DateTimeField(
        "alarm", null=True, blank=True, help_text="When on_alarm is due next."
    )
    alarm_attempts = models.PositiveSmallIntegerField(
        "failed attempts", default=0, help_text="How often in a row on_alarm failed."
    )
    alarm_error = models.TextField(
        "last error", default="", blank=True, help_text="Why on_alarm failed."
    )
    alarm_failed = models.BooleanField(
        "alarm failed", default=False, help_text="It is not tried again by itself."
    )
    gateways = models.JSONField(
        default=list,
        blank=True,
        help_text="Nodes that may have sockets of the room open.",
    )
    progress = models.BinaryField(
        null=True,
        help_text="How far the nodes with sockets were served, for the next owner.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RoomsDatabaseManager.from_queryset(RoomRecordQuerySet)()

    class Meta:
        verbose_name = "room"
        verbose_name_plural = "rooms"
        permissions = (("view_room_contents", "Can see what rooms store"),)
        constraints = (
            models.UniqueConstraint(
                fields=["party", "room_id"], name="partyrooms_one_row_per_room"
            ),
        )
        indexes = (
            # Each owner asks every two seconds; its thousands of rooms have no request.
            models.Index(
                fields=["owner"],
                condition=Q(stop_requested=True),
                name="partyrooms_stop_requests",
            ),
            models.Index(
                fields=["party", "room_id"],
                condition=Q(locked=True),
                name="partyrooms_locked",
            ),
            # Each node asks twice a second; most rooms have no alarm, and those of
            # other nodes and of parties that are gone are not even read.
            models.Index(
                fields=["owner", "party", "alarm_at"],
                condition=Q(alarm_at__isnull=False, alarm_failed=False),
                name="partyrooms_alarms",
            ),
        )

    def __str__(self) -> str:
        return f"{self.party}/{self.room_id}"

    @property
    def key(self) -> RoomKey:
        """The room's key."""
        return RoomKey(self.party, self.room_id)


class Seats(models.Model):
    """
    The connections that one process had to a room when it was given up.

    The process has all of it, too; this is for the case that it dies meanwhile. Gone as
    soon as the room is claimed.
    """

    id = models.BigAutoField(primary_key=True)
    room = models.ForeignKey(RoomRecord, on_delete=models.CASCADE, related_name="seats")
    node = models.ForeignKey(
        Node, null=True, on_delete=models.SET_NULL, related_name="seats", db_index=False
    )
    party = models.CharField(
        max_length=64, help_text="The room's: those of parties that are gone are many."
    )
    profiles = models.BinaryField()

    class Meta:
        verbose_name = "seats"
        verbose_name_plural = "seats"
        indexes = (
            models.Index(fields=["node", "party"], name="partyrooms_seats_of_nodes"),
        )

    def __str__(self) -> str:
        return f"seats in {self.room_id}"


class CronRecord(models.Model):
    """One cron of a class: which tick was begun last, by whom, and how it ended."""

    id = models.BigAutoField(primary_key=True)
    party = models.CharField(max_length=64)
    name = models.CharField(max_length=MAX_CRON_NAME_SIZE)
    expression = models.CharField(max_length=MAX_EXPRESSION_SIZE)
    scheduled_at = models.DateTimeField(
        "last tick", help_text="At first: since when the cron is known."
    )
    runner = models.ForeignKey(
        Node, null=True, blank=True, on_delete=models.SET_NULL, related_name="crons"
    )
    is_running = models.BooleanField("running", default=False)
    started_at = models.DateTimeField("started", null=True, blank=True)
    ended_at = models.DateTimeField("ended", null=True, blank=True)
    error = models.TextField(
        default="", blank=True, help_text="What on_cron raised; empty: it went well."
    )

    objects = RoomsDatabaseManager["CronRecord"]()

    class Meta:
        verbose_name = "cron"
        verbose_name_plural = "crons"
        constraints = (
            models.UniqueConstraint(
                fields=["party", "name"], name="partyrooms_one_row_per_cron"
            ),
        )

    def __str__(self) -> str:
        return f"{self.party}/{self.name}"


class Entry(models.Model):
    """
    One key of a room's storage and its value, both encoded.

    The key is binary, so that every database sorts it by its UTF-8 bytes.
    """

    id = models.BigAutoField(primary_key=True)
    room = models.ForeignKey(
        RoomRecord, on_delete=models.CASCADE, related_name="entries", db_index=False
    )
    key = models.BinaryField(max_length=MAX_KEY_SIZE)
    value = models.BinaryField()

    objects = RoomsDatabaseManager["Entry"]()

    class Meta:
        verbose_name = "entry"
        verbose_name_plural = "entries"
        constraints = (
            # Its index also serves the foreign key and every range of keys.
            models.UniqueConstraint(
                fields=["room", "key"], name="partyrooms_one_entry_per_key"
            ),
        )

    def __str__(self) -> str:
        return self.key_text

    @property
    def key_text(self) -> str:
        """The key for people: what a terminal would not print is escaped."""
        text = bytes(self.key).decode(errors="backslashreplace")
        return text if text.isprintable() else repr(text)

    @property
    def value_text(self) -> str:
        """The value for people, cut at 1 KiB; never raises, whatever the bytes are."""
        stored = bytes(self.value)
        try:
            text = repr(decode(stored))
        except ValueError as error:
            return f"<{len(stored)} bytes that cannot be decoded: {error}>"
        return text if len(text) <= PREVIEW_SIZE else f"{text[:PREVIEW_SIZE]}..."

    @property
    def size(self) -> int:
        """Bytes of key and value, as the room's limit counts them."""
        return len(self.key) + len(self.value)

"""What partyrooms keeps in the database: rooms, their entries, and who owns them."""

import uuid
from typing import Self

from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, Length

from partyrooms.core.keys import RoomKey
from partyrooms.core.values import MAX_KEY_SIZE, decode

PREVIEW_SIZE = 1024
"""Characters of a value that people are shown."""


class Node(models.Model):
    """
    One life of a process that owns rooms.

    Nothing here is a time: ``heartbeat`` is a counter, and whoever watches it judges by
    a clock of its own. ``created_at`` is for people.
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


class RoomRecord(models.Model):
    """
    A room that has been claimed at least once.

    ``epoch`` counts its ownership periods and only rises; ``version`` counts its
    commits. Both are the fence: a commit that expects other values writes nothing.
    """

    id = models.BigAutoField(primary_key=True)
    party = models.CharField(max_length=64)
    room_id = models.CharField("room id", max_length=256)
    owner = models.ForeignKey(
        Node, null=True, blank=True, on_delete=models.SET_NULL, related_name="rooms"
    )
    epoch = models.BigIntegerField(default=0)
    version = models.BigIntegerField(default=0)
    stop_requested = models.BooleanField(default=False)
    blocked_count = models.PositiveSmallIntegerField(
        default=0, help_text="How often in a row it cost its process by blocking it."
    )
    quarantined_until = models.DateTimeField(null=True, blank=True)
    gateways = models.JSONField(
        default=list,
        blank=True,
        help_text="Nodes that had sockets open when the room was last released.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RoomRecordQuerySet.as_manager()

    class Meta:
        verbose_name = "room"
        verbose_name_plural = "rooms"
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
        )

    def __str__(self) -> str:
        return f"{self.party}/{self.room_id}"

    @property
    def key(self) -> RoomKey:
        """The room's key."""
        return RoomKey(self.party, self.room_id)


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

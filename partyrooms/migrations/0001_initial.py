import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Make the tables of nodes, rooms, entries, seats and crons."""

    initial = True

    dependencies = ()

    operations = (
        migrations.CreateModel(
            name="Node",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "host",
                    models.CharField(
                        help_text="The machine's boot and the namespace of its pids.",
                        max_length=128,
                    ),
                ),
                ("pid", models.BigIntegerField(verbose_name="process id")),
                (
                    "pid_started",
                    models.CharField(
                        blank=True,
                        help_text="Tells it from a later process with the same pid.",
                        max_length=64,
                        verbose_name="process start mark",
                    ),
                ),
                ("heartbeat", models.BigIntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[("alive", "alive"), ("dead", "dead")],
                        default="alive",
                        max_length=8,
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        blank=True,
                        help_text="Its own in the channel layer.",
                        max_length=100,
                    ),
                ),
                (
                    "takes_rooms",
                    models.BooleanField(
                        default=True, help_text="Whether rooms may be placed here."
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "verbose_name": "node",
                "verbose_name_plural": "nodes",
            },
        ),
        migrations.CreateModel(
            name="RoomRecord",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("party", models.CharField(max_length=64)),
                ("room_id", models.CharField(max_length=256, verbose_name="room id")),
                ("epoch", models.BigIntegerField(default=0)),
                ("version", models.BigIntegerField(default=0)),
                ("last_commit", models.UUIDField(editable=False, null=True)),
                ("stop_requested", models.BooleanField(default=False)),
                (
                    "locked",
                    models.BooleanField(
                        default=False, help_text="Newcomers are refused."
                    ),
                ),
                (
                    "blocked_count",
                    models.PositiveSmallIntegerField(
                        default=0,
                        help_text=(
                            "How often in a row it cost its process by blocking it."
                        ),
                    ),
                ),
                ("quarantined_until", models.DateTimeField(blank=True, null=True)),
                (
                    "alarm_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When on_alarm is due next.",
                        null=True,
                        verbose_name="alarm",
                    ),
                ),
                (
                    "alarm_attempts",
                    models.PositiveSmallIntegerField(
                        default=0,
                        help_text="How often in a row on_alarm failed.",
                        verbose_name="failed attempts",
                    ),
                ),
                (
                    "alarm_error",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="Why on_alarm failed.",
                        verbose_name="last error",
                    ),
                ),
                (
                    "alarm_failed",
                    models.BooleanField(
                        default=False,
                        help_text="It is not tried again by itself.",
                        verbose_name="alarm failed",
                    ),
                ),
                (
                    "gateways",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="Nodes that may have sockets of the room open.",
                    ),
                ),
                (
                    "progress",
                    models.BinaryField(
                        help_text=(
                            "How far the nodes with sockets were served, for the next "
                            "owner."
                        ),
                        null=True,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="rooms",
                        to="partyrooms.node",
                    ),
                ),
            ],
            options={
                "verbose_name": "room",
                "verbose_name_plural": "rooms",
                "permissions": (("view_room_contents", "Can see what rooms store"),),
            },
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.BinaryField(max_length=2048)),
                ("value", models.BinaryField()),
                (
                    "room",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="entries",
                        to="partyrooms.roomrecord",
                    ),
                ),
            ],
            options={
                "verbose_name": "entry",
                "verbose_name_plural": "entries",
            },
        ),
        migrations.CreateModel(
            name="Seats",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "party",
                    models.CharField(
                        help_text=(
                            "The room's: those of parties that are gone are many."
                        ),
                        max_length=64,
                    ),
                ),
                ("profiles", models.BinaryField()),
                (
                    "node",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="seats",
                        to="partyrooms.node",
                    ),
                ),
                (
                    "room",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="seats",
                        to="partyrooms.roomrecord",
                    ),
                ),
            ],
            options={
                "verbose_name": "seats",
                "verbose_name_plural": "seats",
                "indexes": [
                    models.Index(
                        fields=["node", "party"], name="partyrooms_seats_of_nodes"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CronRecord",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("party", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=128)),
                ("expression", models.CharField(max_length=256)),
                (
                    "scheduled_at",
                    models.DateTimeField(
                        help_text="At first: since when the cron is known.",
                        verbose_name="last tick",
                    ),
                ),
                (
                    "is_running",
                    models.BooleanField(default=False, verbose_name="running"),
                ),
                (
                    "started_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="started"),
                ),
                (
                    "ended_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="ended"),
                ),
                (
                    "error",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="What on_cron raised; empty: it went well.",
                    ),
                ),
                (
                    "runner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="crons",
                        to="partyrooms.node",
                    ),
                ),
            ],
            options={
                "verbose_name": "cron",
                "verbose_name_plural": "crons",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("party", "name"), name="partyrooms_one_row_per_cron"
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="roomrecord",
            index=models.Index(
                condition=models.Q(("stop_requested", True)),
                fields=["owner"],
                name="partyrooms_stop_requests",
            ),
        ),
        migrations.AddIndex(
            model_name="roomrecord",
            index=models.Index(
                condition=models.Q(("locked", True)),
                fields=["party", "room_id"],
                name="partyrooms_locked",
            ),
        ),
        migrations.AddIndex(
            model_name="roomrecord",
            index=models.Index(
                condition=models.Q(
                    ("alarm_at__isnull", False), ("alarm_failed", False)
                ),
                fields=["owner", "party", "alarm_at"],
                name="partyrooms_alarms",
            ),
        ),
        migrations.AddConstraint(
            model_name="roomrecord",
            constraint=models.UniqueConstraint(
                fields=("party", "room_id"), name="partyrooms_one_row_per_room"
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.UniqueConstraint(
                fields=("room", "key"), name="partyrooms_one_entry_per_key"
            ),
        ),
    )

import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Make the tables of nodes, rooms and entries."""

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
                ("stop_requested", models.BooleanField(default=False)),
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
        migrations.AddIndex(
            model_name="roomrecord",
            index=models.Index(
                condition=models.Q(("stop_requested", True)),
                fields=["owner"],
                name="partyrooms_stop_requests",
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

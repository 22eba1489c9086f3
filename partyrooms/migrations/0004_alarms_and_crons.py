import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep each room's alarm, and the last tick of each cron."""

    dependencies = (("partyrooms", "0003_quarantine"),)

    operations = (
        migrations.AddField(
            model_name="roomrecord",
            name="alarm_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When on_alarm is due next.",
                null=True,
                verbose_name="alarm",
            ),
        ),
        migrations.AddField(
            model_name="roomrecord",
            name="alarm_attempts",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="How often in a row on_alarm failed.",
                verbose_name="failed attempts",
            ),
        ),
        migrations.AddField(
            model_name="roomrecord",
            name="alarm_error",
            field=models.TextField(
                blank=True,
                default="",
                help_text="Why on_alarm failed.",
                verbose_name="last error",
            ),
        ),
        migrations.AddField(
            model_name="roomrecord",
            name="alarm_failed",
            field=models.BooleanField(
                default=False,
                help_text="It is not tried again by itself.",
                verbose_name="alarm failed",
            ),
        ),
        migrations.AddIndex(
            model_name="roomrecord",
            index=models.Index(
                condition=models.Q(
                    ("alarm_at__isnull", False), ("alarm_failed", False)
                ),
                fields=["alarm_at"],
                name="partyrooms_alarms",
            ),
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
            },
        ),
        migrations.AddConstraint(
            model_name="cronrecord",
            constraint=models.UniqueConstraint(
                fields=("party", "name"), name="partyrooms_one_row_per_cron"
            ),
        ),
    )

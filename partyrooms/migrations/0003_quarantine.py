from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep a room that blocked its process away for a while."""

    dependencies = (("partyrooms", "0002_rooms_across_processes"),)

    operations = (
        migrations.AddField(
            model_name="roomrecord",
            name="blocked_count",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="How often in a row it cost its process by blocking it.",
            ),
        ),
        migrations.AddField(
            model_name="roomrecord",
            name="quarantined_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
    )

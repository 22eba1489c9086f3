from django.db import migrations, models


class Migration(migrations.Migration):
    """Let nodes be reached, and a released room name who still has sockets."""

    dependencies = (("partyrooms", "0001_initial"),)

    operations = (
        migrations.AddField(
            model_name="node",
            name="channel",
            field=models.CharField(
                blank=True, help_text="Its own in the channel layer.", max_length=100
            ),
        ),
        migrations.AddField(
            model_name="node",
            name="takes_rooms",
            field=models.BooleanField(
                default=True, help_text="Whether rooms may be placed here."
            ),
        ),
        migrations.AddField(
            model_name="roomrecord",
            name="gateways",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text=(
                    "Nodes that had sockets open when the room was last released."
                ),
            ),
        ),
    )

from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep with each commit how far the gateways of a hibernating room were served."""

    dependencies = (("partyrooms", "0004_alarms_and_crons"),)

    operations = (
        migrations.AddField(
            model_name="roomrecord",
            name="progress",
            field=models.BinaryField(
                help_text="How far the nodes with sockets were served, for its heir.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="roomrecord",
            name="gateways",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Nodes that may have sockets of the room open.",
            ),
        ),
    )

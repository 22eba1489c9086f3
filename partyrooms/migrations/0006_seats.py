import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep who is connected to a room that nobody runs."""

    dependencies = (("partyrooms", "0005_sockets_that_outlive_an_owner"),)

    operations = (
        migrations.CreateModel(
            name="Seats",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("profiles", models.BinaryField()),
                (
                    "node",
                    models.ForeignKey(
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
            options={"verbose_name": "seats", "verbose_name_plural": "seats"},
        ),
    )

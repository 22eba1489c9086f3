"""What the plain DRF view stores; its table is made by ``migrate --run-syncdb``."""

from django.db import models


class Count(models.Model):
    """The count of one room."""

    room = models.CharField(max_length=256, primary_key=True)
    count = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.room}: {self.count}"

"""The app: finds every installed app's rooms at start."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules


class PartyroomsConfig(AppConfig):
    """Import each installed app's ``rooms.py``, as the admin does with ``admin.py``."""

    name = "partyrooms"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Fill the registry; register the system checks, and what a flush ends."""
        from partyrooms import checks  # noqa: F401
        from partyrooms.doctor import room  # noqa: F401
        from partyrooms.server.flush import leave_emptied_database

        post_migrate.connect(leave_emptied_database, sender=self)
        autodiscover_modules("rooms")

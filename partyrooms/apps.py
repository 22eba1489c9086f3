"""The app: finds every installed app's rooms at start."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class PartyroomsConfig(AppConfig):
    """Import each installed app's ``rooms.py``, as the admin does with ``admin.py``."""

    name = "partyrooms"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Fill the registry and register the system checks."""
        from partyrooms import checks  # noqa: F401

        autodiscover_modules("rooms")

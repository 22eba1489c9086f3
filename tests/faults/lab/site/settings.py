"""
Settings of the laboratory's processes, told by their environment.

``PARTYROOMS_DB``: a SQLite file, or a URL of a Postgres database.
``PARTYROOMS_REDIS``: a URL; without it there is no other process to talk to.
``PARTYROOMS_LAYER``: the dotted path of the channel layer on it.
``PARTYROOMS_OPTIONS``: the setting ``PARTYROOMS``, in JSON.
"""

import json
import os
from urllib.parse import parse_qs, urlsplit

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "channels",
    "rest_framework",
    "partyrooms",
    "tests.faults.lab.site",
]
MIDDLEWARE = ["partyrooms.middleware.BeforeHooksMiddleware"]
ROOT_URLCONF = "partyrooms.urls"
ASGI_APPLICATION = "tests.faults.lab.site.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


def database(name):
    """The entry of ``DATABASES`` for a file or a URL."""
    if "://" not in name:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": name,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            },
        }
    url = urlsplit(name)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path.removeprefix("/"),
        "USER": url.username,
        # A folder, where the database listens on a Unix socket.
        "HOST": url.hostname or parse_qs(url.query)["host"][0],
        "PORT": url.port or "",
    }


DATABASES = {"default": database(os.environ["PARTYROOMS_DB"])}

if redis := os.environ.get("PARTYROOMS_REDIS"):
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": os.environ["PARTYROOMS_LAYER"],
            # What a busy process has not read yet; lists drop more than 100 by default.
            "CONFIG": {"hosts": [redis], "capacity": 10_000},
        }
    }
else:
    CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels.layers.InMemoryChannelLayer"},
    }

PARTYROOMS = json.loads(os.environ.get("PARTYROOMS_OPTIONS", "{}"))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "tests.servers.site.logs.OneLine"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"partyrooms": {"level": "INFO"}},
}

"""
The Django project of the peers; ``partyrooms_settings`` adds partyrooms to it.

The environment says what differs between two measures:

- ``BENCHMARK_DATABASE``: the SQLite file, migrated before the server starts,
- ``BENCHMARK_POSTGRES``: the address of a Postgres database in its stead,
- ``BENCHMARK_URLS``: the module with the view that is asked,
- ``BENCHMARK_MIDDLEWARE``: ``none`` or ``default`` (what ``startproject`` writes),
- ``BENCHMARK_LAYER``, ``BENCHMARK_REDIS``: a channel layer's class, and its server,
- ``BENCHMARK_OWNERS``: who may own rooms,
- ``BENCHMARK_AUTHENTICATION``: ``none`` or ``default`` (what DRF has without settings).
"""

import os
from typing import Any

from psycopg.conninfo import conninfo_to_dict

SECRET_KEY = "only for benchmarks"  # noqa: S105
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = os.environ.get("BENCHMARK_URLS", "benchmarks.servers.drf")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "channels",
    "rest_framework",
    "benchmarks.servers",
]

MIDDLEWARE: list[str] = []
if os.environ.get("BENCHMARK_MIDDLEWARE") == "default":
    MIDDLEWARE = [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ]

REST_FRAMEWORK: dict[str, Any] = {}
if os.environ.get("BENCHMARK_AUTHENTICATION") == "none":
    REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
    }

DATABASES: dict[str, Any] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("BENCHMARK_DATABASE", ":memory:"),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }
}

if "BENCHMARK_POSTGRES" in os.environ:
    _parameters = conninfo_to_dict(os.environ["BENCHMARK_POSTGRES"])
    DATABASES["default"] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _parameters["dbname"],
        "USER": _parameters["user"],
        "HOST": _parameters["host"],
        "PORT": _parameters.get("port", ""),
    }

# The default of 100 messages drops some of the rounds in flight.
CAPACITY = 10_000
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels.layers.InMemoryChannelLayer",
        "CONFIG": {"capacity": CAPACITY},
    }
}
if "BENCHMARK_LAYER" in os.environ:
    CHANNEL_LAYERS["default"] = {
        "BACKEND": os.environ["BENCHMARK_LAYER"],
        "CONFIG": {"hosts": [os.environ["BENCHMARK_REDIS"]], "capacity": CAPACITY},
    }

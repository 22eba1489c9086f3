"""Checks of what rooms stand on: database, channel layer, server."""

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Tags, Warning, register

from partyrooms.checks.options import valid_settings

_SQLITE_HINT = (
    'Set DATABASES[...]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "init_command": '
    '"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"}.'
)


@register("partyrooms")
def check_redis(**kwargs: Any) -> list[CheckMessage]:
    """W004: redis-py 8 or newer beside channels_redis."""
    layer = _layer()
    major = _major_version("redis")
    if not _backend(layer).startswith("channels_redis.") or major < 8:
        return []
    hosts = (layer.get("CONFIG") or {}).get("hosts") or [None]
    if all(isinstance(host, Mapping) and "socket_timeout" in host for host in hosts):
        return []
    return [
        Warning(
            f"redis-py {major} is installed beside channels_redis: its socket timeout "
            "of 5 s ends every channel that is idle for 5 s.",
            hint='Require "redis<8", or give each host of the layer as a dict with '
            '"socket_timeout": None.',
            id="partyrooms.W004",
        )
    ]


@register("partyrooms")
def check_shared_layer(**kwargs: Any) -> list[CheckMessage]:
    """W005: several server processes without a layer that they share."""
    # The environment variable that uvicorn, gunicorn and hypercorn read.
    workers = os.environ.get("WEB_CONCURRENCY", "")
    if not workers.isdecimal() or int(workers) < 2:
        return []
    backend = _backend(_layer())
    if backend and not backend.endswith(".InMemoryChannelLayer"):
        return []
    return [
        Warning(
            f"WEB_CONCURRENCY is {workers}, but there is no channel layer that the "
            "processes share: a room is served by the one that owns it, and out of "
            "reach for clients of the others.",
            hint="Start one process, or configure a layer of channels_redis as "
            "CHANNEL_LAYERS['default'].",
            id="partyrooms.W005",
        )
    ]


@register("partyrooms")
def check_sqlite(**kwargs: Any) -> list[CheckMessage]:
    """W006, W007: SQLite without the options that concurrent writers need."""
    settings = valid_settings()
    database = {} if settings is None else _database(settings.database)
    if database.get("ENGINE") != "django.db.backends.sqlite3":
        return []
    options = database.get("OPTIONS") or {}
    found: list[CheckMessage] = []
    if str(options.get("transaction_mode")).upper() not in ("IMMEDIATE", "EXCLUSIVE"):
        found.append(
            Warning(
                "The rooms' SQLite database opens transactions in DEFERRED mode: when "
                'two processes write, one fails at once with "database is locked".',
                hint=_SQLITE_HINT,
                id="partyrooms.W006",
            )
        )
    if "wal" not in str(options.get("init_command")).lower():
        found.append(
            Warning(
                "The rooms' SQLite database is not in WAL mode: readers and the writer "
                "wait for each other, and each commit waits for the disk twice.",
                hint=_SQLITE_HINT,
                id="partyrooms.W007",
            )
        )
    return found


@register(Tags.security, deploy=True)
def check_production_server(**kwargs: Any) -> list[CheckMessage]:
    """W009, with ``--deploy``: Daphne is installed."""
    if not apps.is_installed("daphne"):
        return []
    return [
        Warning(
            "'daphne' is in INSTALLED_APPS. As a production server it holds whatever a "
            "slow client does not read in memory without a bound, hides most close "
            "codes, and cuts all sockets on a restart.",
            hint="Serve with uvicorn, and add 'daphne' only where DEBUG is on, for "
            "runserver.",
            id="partyrooms.W009",
        )
    ]


def _layer() -> Mapping[str, Any]:
    settings = valid_settings()
    layers = getattr(django_settings, "CHANNEL_LAYERS", None) or {}
    layer = {} if settings is None else layers.get(settings.channel_layer)
    return layer if isinstance(layer, Mapping) else {}


def _backend(layer: Mapping[str, Any]) -> str:
    return str(layer.get("BACKEND", ""))


def _database(alias: str) -> Mapping[str, Any]:
    databases: Mapping[str, Mapping[str, Any]] = django_settings.DATABASES
    return databases.get(alias, {})


def _major_version(package: str) -> int:
    try:
        return int(version(package).partition(".")[0])
    except (PackageNotFoundError, ValueError):
        return 0

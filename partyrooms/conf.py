"""The only reader of ``settings.PARTYROOMS``: one dict, every key optional."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from math import isinf
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver

from partyrooms.core.rates import Rate

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    What a project may set; durations are seconds, sizes are bytes.

    Attributes:
        owners: Who may own rooms: ``"any"`` serving process, or only ``"workers"``.
        channel_layer: The alias of the layer that carries messages between processes.
        database: The alias of the database that holds the rooms.
        allowed_origins: Origins allowed besides the site's own.
        websocket_middleware: What handshakes run through; None: ``MIDDLEWARE``.
        idle_timeout: A room without connections and events leaves memory after this.
        hibernate_after: A hibernating room without events leaves memory after this.
        hook_timeout: A hook that runs longer is cancelled.
        connect_timeout: A handshake is answered within this.
        max_message_size: One frame from a client.
        max_body_size: One HTTP body.
        max_value_size: One stored value, encoded.
        max_room_size: All keys and values of one room.
        max_queued_bytes: What waits for one slow client.
        mailbox_size: Events waiting for one room.
        message_rate: Frames of one connection, as in ``"100/s"``; None: no limit.
        heartbeat_interval: Between two renewals of a node's lease.
        lease_ttl: A node silent for this long is dead.
    """

    owners: str = "any"
    channel_layer: str = "default"
    database: str = "default"
    allowed_origins: tuple[str, ...] = ()
    websocket_middleware: tuple[str, ...] | None = None
    idle_timeout: float = 60.0
    hibernate_after: float = 10.0
    hook_timeout: float = 30.0
    connect_timeout: float = 10.0
    max_message_size: int = MIB
    max_body_size: int = MIB
    max_value_size: int = MIB
    max_room_size: int = 64 * MIB
    max_queued_bytes: int = MIB
    mailbox_size: int = 1000
    message_rate: str | None = None
    heartbeat_interval: float = 2.0
    lease_ttl: float = 10.0


@cache
def get_settings() -> Settings:
    """
    Read ``settings.PARTYROOMS``.

    Raises:
        ImproperlyConfigured: If a key is unknown or a value impossible; the text says
            which ones are possible.
    """
    given = getattr(django_settings, "PARTYROOMS", {})
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured(
            f"PARTYROOMS is a dict of settings, not {type(given).__name__}."
        )
    known = {field.name.upper() for field in fields(Settings)}
    if unknown := sorted(map(str, given.keys() - known)):
        guesses = ", ".join(_with_guess(key, known) for key in unknown)
        raise ImproperlyConfigured(
            f"PARTYROOMS has unknown keys: {guesses}. "
            f"Known are {', '.join(sorted(known))}."
        )
    values = {name.lower(): _checked(name, value) for name, value in given.items()}
    settings = Settings(**values)
    if settings.lease_ttl < 3 * settings.heartbeat_interval:
        raise ImproperlyConfigured(
            "PARTYROOMS['LEASE_TTL'] is less than three HEARTBEAT_INTERVALs: one slow "
            "query would make a process lose its rooms."
        )
    return settings


@receiver(setting_changed)
def forget_settings(*, setting: str, **kwargs: Any) -> None:
    """Honour ``override_settings``."""
    if setting == "PARTYROOMS":
        get_settings.cache_clear()


def _with_guess(key: str, known: Iterable[str]) -> str:
    close = get_close_matches(key.upper(), known, n=1, cutoff=0.8)
    return f"{key} (did you mean {close[0]}?)" if close else key


def _checked(name: str, value: Any) -> Any:
    expected, accept = _RULES[name]
    try:
        return accept(value)
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(
            f"PARTYROOMS[{name!r}] is {value!r:.80}; it must be {expected}."
        ) from error


def _owners(value: Any) -> str:
    if value not in ("any", "workers"):
        raise ValueError(value)
    return str(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(value)
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise TypeError(value)
    return tuple(_text(item) for item in value)


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    if not value > 0:  # nor is nan, which is not <= 0 either
        raise ValueError(value)
    try:
        return float(value)
    except OverflowError as error:  # an int of hundreds of digits
        raise ValueError(value) from error


def _finite_seconds(value: Any) -> float:
    seconds = _seconds(value)
    if isinf(seconds):
        raise ValueError(value)
    return seconds


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(value)
    return value


def _rate(value: Any) -> str | None:
    if value is not None:
        Rate.parse(value)
    return None if value is None else str(value)


_SECONDS = ("a number of seconds above 0", _seconds)
_FINITE_SECONDS = ("a number of seconds above 0, and not inf", _finite_seconds)
_BYTES = ("a number of bytes of at least 1", _count)
_RULES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "OWNERS": ('"any" or "workers"', _owners),
    "CHANNEL_LAYER": ("the alias of a channel layer", _text),
    "DATABASE": ("the alias of a database", _text),
    "ALLOWED_ORIGINS": ("a list of origins, as in https://example.com", _texts),
    "WEBSOCKET_MIDDLEWARE": (
        "None or a list of dotted paths",
        lambda value: None if value is None else _texts(value),
    ),
    "IDLE_TIMEOUT": _SECONDS,
    "HIBERNATE_AFTER": _SECONDS,
    "HOOK_TIMEOUT": _SECONDS,
    "CONNECT_TIMEOUT": _FINITE_SECONDS,
    "MAX_MESSAGE_SIZE": _BYTES,
    "MAX_BODY_SIZE": _BYTES,
    "MAX_VALUE_SIZE": _BYTES,
    "MAX_ROOM_SIZE": _BYTES,
    "MAX_QUEUED_BYTES": _BYTES,
    "MAILBOX_SIZE": ("a number of events of at least 1", _count),
    "MESSAGE_RATE": ('None or frames in a time, as in "100/s"', _rate),
    "HEARTBEAT_INTERVAL": _FINITE_SECONDS,
    "LEASE_TTL": _FINITE_SECONDS,
}

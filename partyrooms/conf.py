"""The only reader of ``settings.PARTYROOMS``: one dict, every key optional."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
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


Rule = tuple[str, Callable[[Any], Any]]
"""What a setting must be, and what makes its value of the given one, or raises."""


def _setting(default: Any, rule: Rule) -> Any:
    return field(default=default, metadata={"rule": rule})


def _owners(value: Any) -> str:
    if value not in ("any", "workers"):
        raise ValueError(value)
    return str(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(value)
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise TypeError(value)
    return tuple(_text(item) for item in value)


def _texts_or_path(value: Any) -> tuple[str, ...] | str:
    if not isinstance(value, str):
        return _texts(value)
    if "." not in value or not all(map(str.isidentifier, value.split("."))):
        raise ValueError(value)
    return value


def _texts_or_none(value: Any) -> tuple[str, ...] | None:
    return None if value is None else _texts(value)


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


_OWNERS: Rule = ('"any" or "workers"', _owners)
_LAYER: Rule = ("the alias of a channel layer", _text)
_ALIAS: Rule = ("the alias of a database", _text)
_ORIGINS: Rule = (
    "a list of origins, as in https://example.com, or the dotted path of a function",
    _texts_or_path,
)
_PATHS: Rule = ("None or a list of dotted paths", _texts_or_none)
_PATH: Rule = ("None or the dotted path of a function", _text_or_none)
_SECONDS: Rule = ("a number of seconds above 0", _seconds)
_FINITE_SECONDS: Rule = (
    "a number of seconds above 0, and not inf",
    _finite_seconds,
)
_BYTES: Rule = ("a number of bytes of at least 1", _count)
_EVENTS: Rule = ("a number of events of at least 1", _count)
_RATE: Rule = ('None or frames in a time, as in "100/s"', _rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    What a project may set; durations are seconds, sizes are bytes.

    Attributes:
        owners: Who may own rooms: ``"any"`` serving process, or only ``"workers"``.
        channel_layer: The alias of the layer that carries messages between processes.
        database: The alias of the database that holds the rooms.
        allowed_origins: Origins allowed besides the site's own, or the dotted path of
            a function that allows them.
        websocket_middleware: What handshakes run through; None: ``MIDDLEWARE``.
        idle_timeout: A room without connections and events leaves memory after this.
        hibernate_after: A hibernating room without events leaves memory after this.
        hook_timeout: A hook that runs longer is cancelled.
        connect_timeout: A handshake is answered within this, and a request is turned
            away that would wait longer for its turn.
        max_message_size: One frame from a client.
        max_body_size: One HTTP body.
        max_value_size: One stored value, encoded.
        max_room_size: All keys and values of one room.
        max_queued_bytes: What waits for one slow client.
        json_default: Makes JSON of objects that nothing else does; a dotted path.
        mailbox_size: Events waiting for one room.
        message_rate: Frames of one connection, as in ``"100/s"``; None: no limit.
        heartbeat_interval: Between two renewals of a node's lease.
        lease_ttl: A node silent for this long is dead.
    """

    owners: str = _setting("any", _OWNERS)
    channel_layer: str = _setting("default", _LAYER)
    database: str = _setting("default", _ALIAS)
    allowed_origins: tuple[str, ...] | str = _setting((), _ORIGINS)
    websocket_middleware: tuple[str, ...] | None = _setting(None, _PATHS)
    idle_timeout: float = _setting(60.0, _SECONDS)
    hibernate_after: float = _setting(10.0, _SECONDS)
    hook_timeout: float = _setting(30.0, _SECONDS)
    connect_timeout: float = _setting(10.0, _FINITE_SECONDS)
    max_message_size: int = _setting(MIB, _BYTES)
    max_body_size: int = _setting(MIB, _BYTES)
    max_value_size: int = _setting(MIB, _BYTES)
    max_room_size: int = _setting(64 * MIB, _BYTES)
    max_queued_bytes: int = _setting(MIB, _BYTES)
    json_default: str | None = _setting(None, _PATH)
    mailbox_size: int = _setting(1000, _EVENTS)
    message_rate: str | None = _setting(None, _RATE)
    heartbeat_interval: float = _setting(2.0, _FINITE_SECONDS)
    lease_ttl: float = _setting(10.0, _FINITE_SECONDS)


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
    known = {one.name.upper(): one.metadata["rule"] for one in fields(Settings)}
    if unknown := sorted(map(str, given.keys() - known)):
        guesses = ", ".join(_with_guess(key, known) for key in unknown)
        raise ImproperlyConfigured(
            f"PARTYROOMS has unknown keys: {guesses}. "
            f"Known are {', '.join(sorted(known))}."
        )
    values = {
        name.lower(): _checked(name, value, known[name])
        for name, value in given.items()
    }
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


def _checked(name: str, value: Any, rule: Rule) -> Any:
    expected, accept = rule
    try:
        return accept(value)
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(
            f"PARTYROOMS[{name!r}] is {value!r:.80}; it must be {expected}."
        ) from error

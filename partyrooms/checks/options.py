"""Checks of what the project sets: ``PARTYROOMS``, and the options of room classes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import getattr_static
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from partyrooms import registry
from partyrooms.api import crons
from partyrooms.api.room import Room
from partyrooms.conf import Settings, get_settings
from partyrooms.core.frames import has_utf8
from partyrooms.core.origins import FORMS, require_form, too_wide
from partyrooms.core.paths import MAIN_PARTY
from partyrooms.core.rates import Rate

_ORIGIN_HINT = f"Write {FORMS}."


@register("partyrooms")
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """E001: ``PARTYROOMS`` has an unknown key or an impossible value."""
    try:
        get_settings()
    except ImproperlyConfigured as error:
        hint = "The reference of settings lists every key of PARTYROOMS."
        return [Error(str(error), hint=hint, id="partyrooms.E001")]
    return []


@register("partyrooms")
def check_origins(**kwargs: Any) -> list[CheckMessage]:
    """E002: an allowed origin is none, and so allows nothing."""
    settings = valid_settings()
    return [
        Error(
            f"PARTYROOMS['ALLOWED_ORIGINS'] has {origin!r}, which is no origin.",
            hint=_ORIGIN_HINT,
            id="partyrooms.E002",
        )
        for origin in _malformed(settings.allowed_origins if settings else ())
    ]


@register("partyrooms")
def check_wide_origins(**kwargs: Any) -> list[CheckMessage]:
    """W013: an allowed origin lets in pages of strangers."""
    settings = valid_settings()
    lists: list[tuple[str, Any]] = [
        (path, room_class.allowed_origins) for path, room_class in room_classes()
    ]
    if settings is not None:
        lists.append(("PARTYROOMS['ALLOWED_ORIGINS']", settings.allowed_origins))
    return [
        Warning(
            f"The allowed origins of {where} have {origin!r}: {why}.",
            hint="Allow the origins of your own pages.",
            id="partyrooms.W013",
        )
        for where, allowed in lists
        for origin in (allowed if isinstance(allowed, _LISTS) else ())
        if (why := too_wide(origin))
    ]


@register("partyrooms")
def check_database_alias(**kwargs: Any) -> list[CheckMessage]:
    """E003: the database of the rooms is not configured."""
    settings = valid_settings()
    if settings is None or settings.database in django_settings.DATABASES:
        return []
    known = ", ".join(sorted(django_settings.DATABASES)) or "none"
    return [
        Error(
            f"PARTYROOMS['DATABASE'] is {settings.database!r}, but DATABASES has no "
            "such alias.",
            hint=f"Use one of its aliases ({known}), or add this one.",
            id="partyrooms.E003",
        )
    ]


@register("partyrooms")
def check_functions(**kwargs: Any) -> list[CheckMessage]:
    """E012: a setting names a function that cannot be called."""
    settings = valid_settings()
    named = {}
    if settings is not None:
        named["JSON_DEFAULT"] = settings.json_default
        if isinstance(settings.allowed_origins, str):
            named["ALLOWED_ORIGINS"] = settings.allowed_origins
    return [
        Error(
            f"PARTYROOMS[{key!r}] is {path!r}, which {problem}.",
            hint="Write the dotted path of a function, as in 'mysite.json.default'.",
            id="partyrooms.E012",
        )
        for key, path in named.items()
        if path is not None and (problem := _why_not_called(path))
    ]


def wrong_settings() -> list[CheckMessage]:
    """What is wrong with ``PARTYROOMS``: nothing can be served with it."""
    checks = (check_settings, check_origins, check_database_alias, check_functions)
    return [message for check in checks for message in check()]


@register("partyrooms")
def check_room_classes(**kwargs: Any) -> list[CheckMessage]:
    """E007: an option of a room's class has a value that it cannot have."""
    return [
        Error(
            f"{option} is {getattr(room_class, option)!r:.100}; it must be {expected}",
            hint="Mend this attribute of the class.",
            obj=path,
            id="partyrooms.E007",
        )
        for path, room_class in room_classes()
        for option, expected, is_right in _OPTIONS
        if not is_right(getattr(room_class, option))
    ]


@register("partyrooms")
def check_class_methods(**kwargs: Any) -> list[CheckMessage]:
    """E008, W010: a hook that no request, or no handshake, could be given to."""
    return [found for one in room_classes() for found in _check_class_methods(*one)]


@register("partyrooms")
def check_crons(**kwargs: Any) -> list[CheckMessage]:
    """E009: a class's crons would not run."""
    return [
        Error(
            problem,
            hint=remedy,
            obj=path,
            id="partyrooms.E009",
        )
        for path, room_class in room_classes()
        for problem, remedy in crons.problems(room_class)
    ]


def valid_settings() -> Settings | None:
    """The settings; None: they are wrong, which E001 tells."""
    try:
        return get_settings()
    except ImproperlyConfigured:
        return None


def room_classes() -> Iterator[tuple[str, type[Room]]]:
    """The class of each party, with its dotted path."""
    for room_class in map(registry.get, registry.names()):
        yield f"{room_class.__module__}.{room_class.__qualname__}", room_class


def _check_class_methods(path: str, room_class: type[Room]) -> Iterator[CheckMessage]:
    for name in (*_BEFORE, *_OUTSIDE):
        member = getattr_static(room_class, name, None)
        if member is not None and not isinstance(member, classmethod | staticmethod):
            yield Error(
                f"{name} is no class method: no room exists where it runs.",
                hint=f"Write @classmethod above {name}(cls, ...).",
                obj=path,
                id="partyrooms.E008",
            )
    if room_class is registry.find(MAIN_PARTY):
        return
    for name in _OUTSIDE:
        # What a common base has for all parties, the party main has as well.
        hook = getattr_static(room_class, name, None)
        main = getattr_static(registry.find(MAIN_PARTY), name, None)
        if hook is not None and hook is not main:
            yield Warning(
                f"{name} is never called: only that of the party 'main' is.",
                hint=f"Move {name} to the class with party = 'main'.",
                obj=path,
                id="partyrooms.W010",
            )


def _why_not_called(path: str) -> str:
    try:
        return "" if callable(import_string(path)) else "is no function"
    except ImportError as error:
        return f"cannot be imported: {error}"


def _malformed(origins: Iterable[str] | str) -> Iterator[str]:
    for origin in () if isinstance(origins, str) else origins:
        try:
            require_form(origin)
        except ValueError:
            yield origin


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, _LISTS) and all(isinstance(item, str) for item in value)


def _are_policies(value: Any) -> bool:
    # REST framework calls each one, which makes an object of a class.
    return value is None or (isinstance(value, _LISTS) and all(map(callable, value)))


def _are_origins(value: Any) -> bool:
    if isinstance(value, str):
        return not _why_not_called(value)
    return value is None or (
        _is_list_of_texts(value) and not any(True for _ in _malformed(value))
    )


def _are_answers(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    return all(
        isinstance(one, str) and has_utf8(one)
        for one in (*value.keys(), *value.values())
    )


def _is_rate(value: Any) -> bool:
    try:
        return value is None or bool(Rate.parse(value))
    except ValueError:
        return False


def _is_count(value: Any) -> bool:
    return value is None or (type(value) is int and value > 0)


_BEFORE = ("on_before_request", "on_before_connect")
_OUTSIDE = ("on_fetch", "on_socket")

_LISTS = (list, tuple, set, frozenset)
_CLASSES = "None or a list of classes, as in [IsAuthenticated]."

_OPTIONS: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("subprotocols", "a list of names.", _is_list_of_texts),
    ("allowed_origins", f"None, a list or a function. {_ORIGIN_HINT}", _are_origins),
    ("auto_response", 'a dict of texts, as in {"ping": "pong"}.', _are_answers),
    ("message_rate", 'None or a rate, as in "100/s".', _is_rate),
    ("max_connections", "None or a number of at least 1.", _is_count),
    ("max_message_size", "None or a number of bytes of at least 1.", _is_count),
    ("authentication_classes", _CLASSES, _are_policies),
    ("permission_classes", _CLASSES, _are_policies),
    ("throttle_classes", _CLASSES, _are_policies),
    ("parser_classes", _CLASSES, _are_policies),
    ("renderer_classes", _CLASSES, _are_policies),
)

"""Storage values and keys as bytes: a value comes back equal and of the same type."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from itertools import chain
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from partyrooms.core.json_path import ROOT, member
from partyrooms.exceptions import StorageLimitExceeded

MAX_KEY_SIZE = 2048
"""Bytes of UTF-8."""

MAX_DEPTH = 100
"""Containers inside each other; decoding takes a few stack frames for each."""

ALLOWED = (
    "None, bool, int, float, str, bytes, list, dict with str keys, tuple, set, "
    "datetime, date, time, timedelta, Decimal and UUID"
)


# MessagePack extension types. They are on disk: never renumber.
_DATETIME, _DATE, _TIME, _TIMEDELTA, _DECIMAL, _UUID, _TUPLE, _SET, _INT = range(1, 10)

_LEAVES = frozenset({type(None), bool, int, float, str, bytes})
_PLAIN = _LEAVES | {list, dict}
_KEY_TYPES = frozenset({str})
_MAX_SURVEYED = 1_000_000
_pack = msgspec.msgpack.Encoder().encode


def encode(value: object) -> bytes:
    """
    Turn a storage value into bytes.

    Raises:
        TypeError: If the value, or anything in it, is not exactly of a type that comes
            back the same; the text names the type and where it stands.
        ValueError: If the value contains itself, is nested deeper than ``MAX_DEPTH``,
            or holds text that has no UTF-8 (a lone surrogate).
    """
    try:
        if _is_plain(value):
            with suppress(OverflowError):  # An int beyond 64 bits is no plain one.
                return _pack(value)
        return _pack(_wrap(value, ROOT, ()))
    except UnicodeEncodeError as error:
        raise ValueError(f"A str in the value has no UTF-8: {error}.") from error


def decode(stored: bytes) -> Any:
    """
    Make the value that ``encode`` was given, anew with each call.

    Raises:
        ValueError: If the bytes are not from ``encode``, or name a time zone that this
            machine does not know.
    """
    try:
        return _unpack(stored)
    except (msgspec.DecodeError, LookupError, TypeError, ArithmeticError) as error:
        raise ValueError(f"The stored bytes are no storage value: {error}") from error


def encode_key(key: str) -> bytes:
    """
    Turn a storage key into bytes, whose order is the order of keys.

    Raises:
        StorageLimitExceeded: If it is not 1 to ``MAX_KEY_SIZE`` bytes of UTF-8.
        TypeError: If it is no ``str``.
        ValueError: If it has no UTF-8.
    """
    if isinstance(key, list | tuple | set | dict):
        raise TypeError(
            f"A storage key is one str, not {key!r:.64}; get_many(), put_many() and "
            "delete_many() take several."
        )
    if not isinstance(key, str):
        raise TypeError(
            f"A storage key is a str, not {type(key).__name__} ({key!r:.64}); "
            "convert it with str() first."
        )
    try:
        encoded = key.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"A storage key has no UTF-8: {error}.") from error
    if not encoded:
        raise StorageLimitExceeded(
            "An empty storage key", 0, MAX_KEY_SIZE, "A key has at least one character."
        )
    if len(encoded) > MAX_KEY_SIZE:
        raise StorageLimitExceeded("The storage key", len(encoded), MAX_KEY_SIZE)
    return encoded


def _is_plain(value: Any) -> bool:
    """
    Whether MessagePack itself keeps the value's types; False also when in doubt.

    It looks at one level of nesting after the other, so that the types of all elements
    and keys of a level are gathered in C.
    """
    if type(value) in _LEAVES:
        return True
    level = [value]
    seen = 0
    for _ in range(MAX_DEPTH):
        if not _PLAIN.issuperset(map(type, level)):
            return False
        dicts = [container for container in level if type(container) is dict]
        if not _KEY_TYPES.issuperset(map(type, chain.from_iterable(dicts))):
            return False
        level = [container for container in level if type(container) is list]
        level.extend(map(dict.values, dicts))
        elements = list(chain.from_iterable(level))
        if _LEAVES.issuperset(map(type, elements)):
            return True
        seen += len(elements)
        # A list that contains itself twice doubles with each level.
        if seen > _MAX_SURVEYED:
            return False
        level = [element for element in elements if type(element) not in _LEAVES]
    return False


def _wrap(value: Any, where: str, inside: tuple[int, ...]) -> Any:
    """
    Put extensions where MessagePack would lose a type, or say why it cannot be done.

    Args:
        value: What to wrap.
        where: How to reach it from the outermost value, for the error's text.
        inside: The identities of the containers around it.
    """
    kind = type(value)
    if kind in _LEAVES:
        return _wrap_int(value) if kind is int else value
    if kind in _SCALARS:
        code, to_payload = _SCALARS[kind]
        return msgspec.msgpack.Ext(code, to_payload(value, where))
    if kind not in _CONTAINERS:
        raise TypeError(
            f"{where} is a {_name(kind)}, which storage cannot give back as it was; "
            f"allowed are {ALLOWED}, and no subclasses of them. Convert it first."
        )
    inside = _enter(value, where, inside)
    if kind is dict:
        return {
            _require_str_key(key, where): _wrap(item, member(where, key), inside)
            for key, item in value.items()
        }
    if kind is set:
        items = [_wrap(item, f"an element of {where}", inside) for item in value]
    else:
        items = [_wrap(x, f"{where}[{i}]", inside) for i, x in enumerate(value)]
    container_code = _CONTAINERS[kind]
    if container_code is None:
        return items
    return msgspec.msgpack.Ext(container_code, _pack(items))


def _enter(value: object, where: str, inside: tuple[int, ...]) -> tuple[int, ...]:
    if id(value) in inside:
        raise ValueError(f"{where} contains itself; a storage value is a tree.")
    if len(inside) >= MAX_DEPTH:
        raise ValueError(
            f"The value is nested deeper than {MAX_DEPTH} containers; flatten it."
        )
    return (*inside, id(value))


def _require_str_key(key: object, where: str) -> str:
    if type(key) is not str:
        raise TypeError(
            f"{where} has the key {key!r:.64}, a {_name(type(key))}; the keys of a "
            "stored dict are str (no subclass). Convert it first."
        )
    return key


def _name(kind: type) -> str:
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


def _wrap_int(value: int) -> Any:
    if -(2**63) <= value < 2**64:
        return value
    size = value.bit_length() // 8 + 1
    return msgspec.msgpack.Ext(_INT, value.to_bytes(size, "big", signed=True))


def _pack_clock(value: datetime | time, where: str) -> bytes:
    zone = _describe_zone(value.tzinfo, where)
    plain = value.replace(tzinfo=None, fold=0).isoformat()
    return _pack([plain, value.fold, zone])


def _describe_zone(zone: tzinfo | None, where: str) -> Any:
    """None, a ZoneInfo's key, or a fixed offset as [microseconds, name or None]."""
    if zone is None:
        return None
    if type(zone) is ZoneInfo and zone.key is not None:
        return zone.key
    if type(zone) is timezone:
        offset, name = zone.utcoffset(None), zone.tzname(None)
        default = timezone(offset).tzname(None)
        return [offset // timedelta(microseconds=1), None if name == default else name]
    raise TypeError(
        f"{where} has the time zone {zone!r:.64}; storage keeps ZoneInfo with a key "
        "and datetime.timezone. Convert it with astimezone() first."
    )


def _make_zone(described: Any) -> tzinfo | None:
    if described is None:
        return None
    if isinstance(described, str):
        try:
            return ZoneInfo(described)
        except ZoneInfoNotFoundError as error:
            raise ValueError(
                f"The time zone {described!r} of a stored value is not known here; "
                "install the tzdata package."
            ) from error
    microseconds, name = described
    offset = timedelta(microseconds=microseconds)
    return timezone(offset) if name is None else timezone(offset, name)


def _unpack_datetime(payload: bytes) -> datetime:
    plain, fold, zone = _unpack(payload)
    return datetime.fromisoformat(plain).replace(tzinfo=_make_zone(zone), fold=fold)


def _unpack_time(payload: bytes) -> time:
    plain, fold, zone = _unpack(payload)
    return time.fromisoformat(plain).replace(tzinfo=_make_zone(zone), fold=fold)


def _pack_timedelta(value: timedelta, where: str) -> bytes:
    return _pack([value.days, value.seconds, value.microseconds])


_SCALARS: dict[type, tuple[int, Callable[[Any, str], bytes]]] = {
    datetime: (_DATETIME, _pack_clock),
    date: (_DATE, lambda value, where: value.isoformat().encode()),
    time: (_TIME, _pack_clock),
    timedelta: (_TIMEDELTA, _pack_timedelta),
    Decimal: (_DECIMAL, lambda value, where: str(value).encode()),
    UUID: (_UUID, lambda value, where: value.bytes),
}
_CONTAINERS: dict[type, int | None] = {
    list: None,
    dict: None,
    tuple: _TUPLE,
    set: _SET,
}
_UNPACKERS: dict[int, Callable[[bytes], Any]] = {
    _DATETIME: _unpack_datetime,
    _DATE: lambda payload: date.fromisoformat(payload.decode()),
    _TIME: _unpack_time,
    _TIMEDELTA: lambda payload: timedelta(*_unpack(payload)),
    _DECIMAL: lambda payload: Decimal(payload.decode()),
    _UUID: lambda payload: UUID(bytes=payload),
    _TUPLE: lambda payload: tuple(_unpack(payload)),
    _SET: lambda payload: set(_unpack(payload)),
    _INT: lambda payload: int.from_bytes(payload, "big", signed=True),
}


def _unpack_extension(code: int, payload: memoryview) -> Any:
    return _UNPACKERS[code](bytes(payload))


_decoder = msgspec.msgpack.Decoder(Any, ext_hook=_unpack_extension)


def _unpack(packed: bytes) -> Any:
    return _decoder.decode(packed)

"""The one rule of what becomes JSON: of messages, state, calls, props and answers."""

import json
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.module_loading import import_string

from partyrooms.conf import get_settings
from partyrooms.core.frames import has_utf8
from partyrooms.core.json_path import find_fault

_django = DjangoJSONEncoder()


def json_text(value: Any) -> str:
    """
    Encode a value as JSON, short and in Unicode.

    Besides JSON's own types it takes what ``DjangoJSONEncoder`` takes (datetime, date,
    time, timedelta, Decimal, UUID, lazy text), in its forms; dataclasses and msgspec
    Structs, as objects; and what ``PARTYROOMS["JSON_DEFAULT"]`` makes of the rest.

    Raises:
        TypeError: If JSON has no such value; the text says where in it.
        ValueError: If it has a number that JSON has not (NaN, infinity), or contains
            itself; likewise.
    """
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        where, part = find_fault(value, _encode, json_default)
        kind = ValueError if isinstance(error, RecursionError) else type(error)
        mend = (
            'Convert it, or name a function that does in PARTYROOMS["JSON_DEFAULT"].'
            if kind is TypeError
            else "Convert it."
        )
        what = type(part).__qualname__
        raise kind(f"{where:.200} ({what}) is no JSON: {error}. {mend}") from error


def json_message(value: Any) -> str:
    """
    Encode a value as a JSON text that can be sent, whatever text is in it.

    As in JavaScript, half of a surrogate pair is escaped: a browser's own JSON brings
    one where it cut an emoji in two.

    Raises:
        TypeError: As ``json_text``.
        ValueError: As ``json_text``.
    """
    text = json_text(value)
    return text if has_utf8(text) else _encode_ascii(value)


def json_default(value: Any) -> Any:
    """
    What stands for an object that JSON has not: one step, for ``json``'s ``default``.

    Raises:
        TypeError: If nothing does.
    """
    if isinstance(value, msgspec.Struct):
        return _members(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in fields(value)}
    try:
        return _django.default(value)
    except TypeError:
        path = get_settings().json_default
        if path is None:
            raise
    return import_string(path)(value)


def _members(struct: msgspec.Struct) -> dict[str, Any] | list[Any]:
    """A Struct as msgspec would write it, one level of it."""
    config = struct.__struct_config__
    values = [getattr(struct, name) for name in struct.__struct_fields__]
    if config.array_like:
        return values if config.tag is None else [config.tag, *values]
    tag = {} if config.tag_field is None else {config.tag_field: config.tag}
    names = zip(struct.__struct_encode_fields__, values, strict=True)
    return tag | {name: value for name, value in names if value is not msgspec.UNSET}


# Made once: ``json.dumps`` makes one with each call.
_OPTIONS: dict[str, Any] = {"separators": (",", ":"), "default": json_default}
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, **_OPTIONS).encode
_encode_ascii = json.JSONEncoder(allow_nan=False, **_OPTIONS).encode

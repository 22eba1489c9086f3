"""
What an application gives to be sent, as exactly what frames and processes take.

Subclasses are made plain: a template makes a ``SafeString`` and choices are ``str`` or
``int``, too, but no codec between processes knows them.
"""

import math
from collections.abc import Collection, Iterable
from typing import Any, Protocol

from partyrooms.core.frames import has_utf8

MAX_REASON_SIZE = 123
"""Bytes of a close reason as UTF-8 (RFC 6455, 5.5: a control frame has 125)."""

MAX_STATE_SIZE = 16 * 1024
"""Bytes of a connection's state as JSON."""

MAX_TAGS = 9
MAX_TAG_LENGTH = 256


def as_payload(message: object, method: str) -> str | bytes:
    """
    What is sent of a message: ``str`` or ``bytes`` itself.

    Args:
        message: What the application gave.
        method: Which of its methods, for errors.

    Raises:
        TypeError: If it is neither; the text names the method for everything else.
        ValueError: If it is text that has no UTF-8, so that no frame can hold it.
    """
    if isinstance(message, bytes):
        return bytes(message)
    if not isinstance(message, str):
        raise TypeError(
            f"{method}() takes str or bytes, not {type(message).__name__}; "
            f"{method}_json() takes whatever JSON can hold."
        )
    if not has_utf8(message):
        raise ValueError(
            f"{method}() takes text that has UTF-8; this one contains half of a "
            f"surrogate pair. {method}_json() would escape it."
        )
    return str.__str__(message)


def as_closing(code: object, reason: object) -> tuple[int, str]:
    """
    The code and the reason that an application closes with.

    Raises:
        TypeError: If the code is no ``int``, or the reason no ``str``.
        ValueError: If it is another code, or the reason is too long.
    """
    if not isinstance(code, int) or not isinstance(reason, str):
        raise TypeError(
            f"close({code!r:.64}, {reason!r:.64}): a code is an int and a reason a "
            'str, as in close(4000, "why").'
        )
    if code != 1000 and not 3000 <= code <= 4999:
        raise ValueError(
            f"{code} is no close code of an application; 1000 and 3000-4999 are."
        )
    reason = as_text(reason, "A close reason")
    if len(reason.encode()) > MAX_REASON_SIZE:
        raise ValueError(
            f"A close reason has at most {MAX_REASON_SIZE} bytes of UTF-8; "
            f"this one has {len(reason.encode())}."
        )
    return int(code), reason


def as_tags(id: str, tags: Any) -> tuple[str, ...]:
    """
    A connection's tags: its id, then what ``get_connection_tags`` returned, once each.

    Args:
        id: Of the connection.
        tags: What the hook returned; None: no tags.

    Raises:
        TypeError: If it is not a list of ``str``.
        ValueError: If there are more than 9, one is not 1-256 characters long, or one
            has no UTF-8.
    """
    given = [] if tags is None else tags
    if isinstance(given, Iterable) and not isinstance(given, str | bytes):
        given = list(given)
    if not isinstance(given, list) or not all(isinstance(tag, str) for tag in given):
        raise TypeError(f"get_connection_tags returns a list of str, not {tags!r:.80}.")
    if len(given) > MAX_TAGS:
        raise ValueError(
            f"get_connection_tags returned {len(given)} tags; a connection has at most "
            f"{MAX_TAGS} besides its id."
        )
    for tag in given:
        if not 1 <= len(tag) <= MAX_TAG_LENGTH:
            raise ValueError(
                f"A tag has 1 to {MAX_TAG_LENGTH} characters; {tag!r:.64} has "
                f"{len(tag)}."
            )
    return tuple(dict.fromkeys((id, *(as_text(tag, "A tag") for tag in given))))


def as_state(text: str) -> bytes:
    """
    A connection's state, which is JSON, as it is kept.

    Raises:
        ValueError: If it is larger than ``MAX_STATE_SIZE``, or has no UTF-8.
    """
    encoded = as_text(text, "A connection's state").encode()
    if len(encoded) > MAX_STATE_SIZE:
        raise ValueError(
            f"A connection's state has at most {MAX_STATE_SIZE} bytes as JSON; this "
            f"one has {len(encoded)}. Keep a key in it, and the rest in self.storage."
        )
    return encoded


def as_timer(name: str, seconds: object, method: object, *, least: float) -> float:
    """
    The seconds of a timer, whose method can be called.

    Args:
        name: Which of a room's methods was called, for errors.
        seconds: What the application gave.
        method: Likewise.
        least: How many seconds there must be.

    Raises:
        TypeError: If the seconds are no number, or the method cannot be called.
        ValueError: If there are fewer seconds, or they are not finite.
    """
    if not callable(method):
        raise TypeError(
            f"{name}() takes the method itself and then its arguments, not "
            f"{method!r:.80}: write self.{name}(5, self.tick, 1)."
        )
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(
            f"{name}() takes seconds as a number, not {type(seconds).__name__}: write "
            f"self.{name}(5, self.tick)."
        )
    if not least <= seconds < math.inf:
        raise ValueError(
            f"{name}() takes {least:g} seconds or more, not {seconds!r:.80}."
        )
    return float(seconds)


class HasId(Protocol):
    """A connection, or what stands for one."""

    id: str


def as_ids(without: Collection[str | HasId]) -> frozenset[str]:
    """
    The ids of what is left out of a broadcast; connections stand for their ids.

    Raises:
        TypeError: If it is one ``str``, whose characters were never meant.
        ValueError: If an id has no UTF-8.
    """
    if isinstance(without, str | bytes):
        raise TypeError(
            f"without= takes a list of connection ids, not one {type(without).__name__}"
            f" ({without!r:.64}): write without=[{without!r:.64}]."
        )
    ids = (one if isinstance(one, str) else one.id for one in without)
    return frozenset(as_text(id, "A connection id in without=") for id in ids)


def as_text(text: str, what: str) -> str:
    """
    A text, plain, that any process can be told.

    Args:
        text: What the application gave.
        what: What it is, for the error.

    Raises:
        ValueError: If it has no UTF-8.
    """
    if not has_utf8(text):
        raise ValueError(
            f"{what} is text that has UTF-8; {text!r:.64} contains half of a surrogate "
            "pair. No process could be told of it."
        )
    return str.__str__(text)

"""Ranges of keys, as a room sees them: stored rows with buffered writes on top."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from partyrooms.core.writes import WriteSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """
    A range of keys, in order of their UTF-8 bytes.

    Attributes:
        start: First key, included; None: from the first one.
        end: Where to stop, excluded; None: to the last one.
        limit: How many at most; None: all.
        reverse: From the end backwards; ``start`` and ``end`` keep their meaning.
    """

    start: bytes | None = None
    end: bytes | None = None
    limit: int | None = None
    reverse: bool = False

    def covers(self, key: bytes) -> bool:
        """Whether a key is in the range."""
        return (self.start is None or key >= self.start) and (
            self.end is None or key < self.end
        )


def key_span(
    prefix: str | None,
    start: str | None,
    start_after: str | None,
    end: str | None,
    limit: int | None,
    reverse: bool,
) -> Span:
    """
    The range that the arguments of ``Storage.list`` mean.

    Raises:
        TypeError: If a bound is no ``str``, or the limit no ``int``.
        ValueError: If ``start`` and ``start_after`` are both given, or the limit is
            negative.
    """
    bounds = {"prefix": prefix, "start": start, "start_after": start_after, "end": end}
    for name, bound in bounds.items():
        _require(bound, str, name)
    _require(limit, int, "limit")
    if start is not None and start_after is not None:
        raise ValueError("list() takes start= or start_after=, not both.")
    if limit is not None and limit < 0:
        raise ValueError(f"list() takes a limit of 0 or more, not {limit}.")
    first, after = prefix_range((prefix or "").encode())
    if start_after is not None:
        start = f"{start_after}\0"  # the next key there can be
    starts = [first] if start is None else [first, start.encode()]
    ends = [] if end is None else [end.encode()]
    if after is not None:
        ends.append(after)
    return Span(
        start=max(starts) or None,
        end=min(ends, default=None),
        limit=limit,
        reverse=reverse,
    )


def prefix_range(prefix: bytes) -> tuple[bytes, bytes | None]:
    """
    The range (start, end) of all keys that begin with a prefix.

    The end is the prefix without its trailing 0xFF bytes, with the last byte one
    higher. None: no key comes after the range (the prefix is empty or only 0xFF).
    """
    stem = prefix.rstrip(b"\xff")
    if not stem:
        return prefix, None
    return prefix, stem[:-1] + bytes([stem[-1] + 1])


def stored_span(span: Span, writes: WriteSet) -> Span | None:
    """
    What to ask of the store so that ``overlay`` can answer a span.

    Each buffered deletion in the range may hide one stored row, so that many rows more
    are asked for.

    Args:
        span: What the room wants.
        writes: What is buffered.

    Returns:
        The same range with a limit that suffices; None: nothing, for the room was
        cleared or nothing is wanted.
    """
    if writes.cleared or span.limit == 0:
        return None
    if span.limit is None:
        return span
    deleted = sum(
        value is None and span.covers(key) for key, value in writes.entries.items()
    )
    return replace(span, limit=span.limit + deleted)


def overlay(
    span: Span, stored: Iterable[tuple[bytes, bytes]], writes: WriteSet
) -> list[tuple[bytes, bytes]]:
    """
    Merge stored rows with the writes that are not stored yet.

    Args:
        span: What the room wants.
        stored: What the store gave for ``stored_span``; nothing if that was None.
        writes: What is buffered; the same as for ``stored_span``.

    Returns:
        Keys and values in the span's order, at most ``span.limit``.
    """
    seen: dict[bytes, bytes | None] = {} if writes.cleared else dict(stored)
    seen.update((k, v) for k, v in writes.entries.items() if span.covers(k))
    rows = [(key, value) for key, value in seen.items() if value is not None]
    rows.sort(reverse=span.reverse)
    return rows[: span.limit]


def _require(given: object, kind: type, name: str) -> None:
    if given is not None and not isinstance(given, kind):
        raise TypeError(
            f"list() takes {name}= as {kind.__name__} or None, not {given!r:.64}."
        )

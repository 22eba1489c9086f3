"""A stored range seen through the writes that are not in the database yet; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from partyrooms.core.writes import WriteSet
from partyrooms.ports.store import Span


def prefix_range(prefix: bytes) -> tuple[bytes, bytes | None]:
    """
    The range (start, end) of all keys that begin with a prefix.

    The end is the prefix's successor: its last byte that can rise, raised, and
    nothing behind it. None: no key is behind the range (the prefix is empty or 0xFF).
    """
    stem = prefix.rstrip(b"\xff")
    if not stem:
        return prefix, None
    return prefix, stem[:-1] + bytes([stem[-1] + 1])


def stored_span(span: Span, layers: Sequence[WriteSet]) -> Span | None:
    """
    What to ask of the store so that ``overlay`` can answer a span.

    Each buffered deletion in the range may take one stored row away, so that many rows
    more are asked for.

    Args:
        span: What the room wants.
        layers: The buffered writes, oldest first.

    Returns:
        The same range with a limit that suffices; None: nothing, for a layer cleared
        the store or nothing is wanted.
    """
    merged = _merge(layers)
    if merged.cleared or span.limit == 0:
        return None
    if span.limit is None:
        return span
    deleted = sum(
        value is None and _covers(span, key) for key, value in merged.entries.items()
    )
    return replace(span, limit=span.limit + deleted)


def overlay(
    span: Span, stored: Iterable[tuple[bytes, bytes]], layers: Sequence[WriteSet]
) -> list[tuple[bytes, bytes]]:
    """
    Merge stored rows with the buffered writes above them.

    Args:
        span: What the room wants.
        stored: What the store gave for ``stored_span``; nothing if that was None.
        layers: The buffered writes, oldest first; the same as for ``stored_span``.

    Returns:
        Keys and values in the span's order, at most ``span.limit``.
    """
    merged = _merge(layers)
    seen: dict[bytes, bytes | None] = {} if merged.cleared else dict(stored)
    seen.update((k, v) for k, v in merged.entries.items() if _covers(span, k))
    rows = [(key, value) for key, value in seen.items() if value is not None]
    rows.sort(reverse=span.reverse)
    return rows[: span.limit]


def _merge(layers: Sequence[WriteSet]) -> WriteSet:
    merged = WriteSet()
    for layer in layers:
        merged.merge(layer)
    return merged


def _covers(span: Span, key: bytes) -> bool:
    return (span.start is None or key >= span.start) and (
        span.end is None or key < span.end
    )

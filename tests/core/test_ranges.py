"""Ranges seen through buffered writes, against a plain dict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partyrooms.core.ranges import Span, overlay, prefix_range, stored_span
from partyrooms.core.writes import WriteSet, merged

keys = st.sampled_from([b"\0", b"a", b"a\0", b"aa", b"a\xff", b"b", b"\xff"])
edges = st.none() | keys
spans = st.builds(
    Span,
    start=edges,
    end=edges,
    limit=st.none() | st.integers(0, 4),
    reverse=st.booleans(),
)
contents = st.dictionaries(keys, st.binary(max_size=1), max_size=8)


@st.composite
def write_sets(draw):
    writes = WriteSet()
    if draw(st.integers(0, 3)) == 0:
        writes.clear()
    for key, value in draw(
        st.dictionaries(keys, st.none() | st.binary(max_size=1), max_size=6)
    ).items():
        if value is None:
            writes.delete(key)
        else:
            writes.put(key, value)
    return writes


def scan(stored, span):
    """What a store answers."""
    rows = sorted(
        (
            (key, value)
            for key, value in stored.items()
            if (span.start is None or key >= span.start)
            and (span.end is None or key < span.end)
        ),
        reverse=span.reverse,
    )
    return rows[: span.limit]


@given(contents, st.lists(write_sets(), max_size=3), spans)
def test_s3_a_range_is_what_it_would_be_after_the_commit(stored, layers, span):
    """S1 and S3: buffered writes are seen, within limit and order."""
    writes = merged(layers)
    asked = stored_span(span, writes)
    rows = overlay(span, [] if asked is None else scan(stored, asked), writes)

    after = dict(stored)
    for layer in layers:
        after = {} if layer.cleared else after
        after |= layer.entries
    after = {key: value for key, value in after.items() if value is not None}
    assert rows == scan(after, span)


@given(
    st.lists(write_sets(), max_size=3),
    st.builds(Span, start=edges, end=edges, limit=st.integers(1, 4)),
)
def test_the_store_is_asked_for_no_more_than_it_takes(layers, span):
    """One row more for each deletion at most, so a limit keeps its purpose."""
    asked = stored_span(span, merged(layers))

    deletions = sum(list(layer.entries.values()).count(None) for layer in layers)
    assert asked is None or span.limit <= asked.limit <= span.limit + deletions


def test_deleted_keys_do_not_shorten_a_limited_range():
    """The store is asked for as many rows more as deletions may hide."""
    stored = {b"a": b"1", b"b": b"2", b"c": b"3", b"d": b"4"}
    writes = WriteSet()
    writes.delete(b"a")
    writes.delete(b"b")
    span = Span(limit=2)

    rows = overlay(span, scan(stored, stored_span(span, writes)), writes)

    assert rows == [(b"c", b"3"), (b"d", b"4")]


def test_a_cleared_room_is_not_asked_for():
    """Everything it has is in the buffer."""
    writes = WriteSet()
    writes.clear()

    assert stored_span(Span(), writes) is None


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (b"a", (b"a", b"b")),
        (b"a\xff", (b"a\xff", b"b")),
        (b"\xff\xff", (b"\xff\xff", None)),
        (b"", (b"", None)),
    ],
)
def test_a_prefix_is_a_range(prefix, expected):
    """The end is the first key behind everything with the prefix."""
    assert prefix_range(prefix) == expected


@given(st.binary(max_size=3), st.binary(max_size=4))
def test_a_prefix_range_holds_its_keys_and_no_others(prefix, key):
    """startswith() and the range agree."""
    start, end = prefix_range(prefix)

    assert key.startswith(prefix) == (start <= key and (end is None or key < end))

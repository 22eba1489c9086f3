"""Write buffers against a plain dict."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partyrooms.core.alarm import Alarm
from partyrooms.core.writes import UNKNOWN, WriteSet

keys = st.sampled_from([b"a", b"ab", b"b", b"\xff", b"\xff\xff"])
operations = st.lists(
    st.tuples(st.just("put"), keys, st.binary(max_size=2))
    | st.tuples(st.just("delete"), keys)
    | st.tuples(st.just("clear")),
    max_size=8,
)


def apply(writes, steps):
    for name, *arguments in steps:
        getattr(writes, name)(*arguments)
    return writes


def model(stored, steps):
    """What a plain dict holds after the same steps."""
    stored = dict(stored)
    for name, *arguments in steps:
        if name == "put":
            stored[arguments[0]] = arguments[1]
        elif name == "delete":
            stored.pop(arguments[0], None)
        else:
            stored.clear()
    return stored


def flush(stored, writes):
    """What a store does with a buffer."""
    stored = {} if writes.cleared else dict(stored)
    stored |= {k: v for k, v in writes.entries.items() if v is not None}
    for key in [k for k, v in writes.entries.items() if v is None]:
        stored.pop(key, None)
    return stored


@given(st.dictionaries(keys, st.binary(max_size=2)), operations)
def test_a_buffer_does_what_a_dict_does(stored, steps):
    """Flushed, it leaves what the single steps would have left."""
    writes = apply(WriteSet(), steps)

    assert flush(stored, writes) == model(stored, steps)


@given(st.dictionaries(keys, st.binary(max_size=2)), operations, operations)
def test_merging_is_doing_both(stored, first, second):
    """merge() equals the steps of both, one after the other, and spares the later."""
    earlier, later = apply(WriteSet(), first), apply(WriteSet(), second)
    entries = dict(later.entries)
    earlier.merge(later)

    assert flush(stored, earlier) == model(model(stored, first), second)
    assert later.entries == entries


@given(st.dictionaries(keys, st.binary(max_size=2)), operations, keys)
def test_lookup_sees_the_last_effect(stored, steps, key):
    """UNKNOWN leaves the answer to the store; None and a value are answers."""
    found = apply(WriteSet(), steps).lookup(key)
    if found is UNKNOWN:
        found = stored.get(key)

    assert found == model(stored, steps).get(key)


@given(operations)
def test_a_cleared_buffer_keeps_no_deletions(steps):
    """Nothing is left to delete."""
    writes = apply(WriteSet(), [*steps, ("clear",), *steps])

    assert None not in writes.entries.values()


@pytest.mark.parametrize("step", [("put", b"a", b""), ("delete", b"a"), ("clear",)])
def test_a_buffer_with_any_effect_is_true(step):
    """An empty one is false, so a turn without writes is told by it."""
    assert not WriteSet()
    assert apply(WriteSet(), [step])


NOON = Alarm(at=datetime(2030, 1, 1, 12, tzinfo=UTC))


def with_alarm(alarm, *steps):
    writes = apply(WriteSet(), steps)
    writes.alarm = alarm
    return writes


@pytest.mark.parametrize(
    ("earlier", "later", "left"),
    [
        (with_alarm(NOON), WriteSet(), NOON),
        (WriteSet(), with_alarm(NOON), NOON),
        (with_alarm(NOON), with_alarm(None), None),
        (with_alarm(None), with_alarm(NOON), NOON),
        (with_alarm(NOON), apply(WriteSet(), [("clear",)]), None),
        (with_alarm(NOON), with_alarm(NOON, ("clear",)), NOON),
        (WriteSet(), WriteSet(), UNKNOWN),
    ],
)
def test_s10_the_last_word_on_the_alarm_counts(earlier, later, left):
    """S10: setting replaces; a clear deletes it, a later set stays."""
    merged = WriteSet()
    merged.merge(earlier)
    merged.merge(later)

    assert merged.alarm == left
    assert bool(merged) == (left is not UNKNOWN)


def test_a_buffer_shows_what_it_holds_but_no_payload():
    """Its repr() ends up in logs."""
    writes = apply(WriteSet(), [("clear",), ("put", b"secret", b"secret")])

    assert repr(writes) == "<WriteSet: everything cleared, 1 keys>"

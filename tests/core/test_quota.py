"""What a room stores is counted exactly, and limited."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partyrooms.core.quota import Quota
from partyrooms.core.writes import WriteSet
from partyrooms.exceptions import StorageLimitExceeded

KEYS = st.sampled_from([b"a", b"bb", b"ccc"])
CHANGES = st.one_of(
    st.tuples(st.just("put"), KEYS, st.binary(min_size=1, max_size=50)),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("clear")),
)


def quota(sizes=None, *, value=100, room=1000):
    return Quota(dict(sizes or {}), max_value_size=value, max_room_size=room)


def written(changes):
    writes = WriteSet()
    for kind, *arguments in changes:
        getattr(writes, kind)(*arguments)
    return writes


@given(st.lists(st.lists(CHANGES)))
def test_the_total_is_what_a_recount_gives(turns):
    """Whatever turns put, deleted and cleared."""
    target, plain = quota(), {}

    for changes in turns:
        target.apply(written(changes))
        for kind, *arguments in changes:
            if kind == "put":
                plain[arguments[0]] = len(arguments[0]) + len(arguments[1])
            elif kind == "delete":
                plain.pop(arguments[0], None)
            else:
                plain.clear()

    assert target.total == sum(plain.values())
    assert {key for key in (b"a", b"bb", b"ccc") if key in target} == set(plain)
    assert [target.size(key) for key in plain] == list(plain.values())


def test_a_write_grows_the_room_by_what_was_not_there():
    """Its key counts, too."""
    target = quota({b"key": 8})

    grown = target.growth(b"key", 10, before=8, total=8)
    new = target.growth(b"new", 10, before=0, total=8)

    assert (grown, new) == (5, 13)


def test_s7_a_value_over_its_limit_is_refused():
    """S7: the text says what is allowed."""
    with pytest.raises(StorageLimitExceeded, match="would be 11 bytes; allowed are 10"):
        quota(value=10).growth(b"key", 11, before=0, total=0)


def test_s7_a_room_over_its_limit_is_refused():
    """S7: as the writer sees the room."""
    target = quota(room=20)

    assert target.growth(b"b", 8, before=0, total=11) == 9
    with pytest.raises(StorageLimitExceeded, match="The room would be 21 bytes"):
        target.growth(b"b", 9, before=0, total=11)


def test_a_room_over_a_lowered_limit_may_shrink():
    """Or else nothing of it could ever be mended."""
    target = quota({b"a": 50}, room=20)

    assert target.growth(b"a", 5, before=50, total=50) == -44

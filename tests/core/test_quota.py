"""What a room stores is counted exactly, also when writes are taken back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partyrooms.core.quota import Quota
from partyrooms.exceptions import StorageLimitExceeded

KEYS = st.sampled_from([b"a", b"bb", b"ccc"])
CHANGES = st.one_of(
    st.tuples(st.just("put"), KEYS, st.integers(1, 50)),
    st.tuples(st.just("delete"), KEYS, st.just(0)),
    st.tuples(st.just("clear"), st.just(b""), st.just(0)),
)


def quota(sizes=None, *, value=100, room=1000):
    return Quota(dict(sizes or {}), max_value_size=value, max_room_size=room)


def apply(target, plain, changes, journal):
    for kind, key, size in changes:
        if kind == "put":
            target.put(key, size, journal)
            plain[key] = len(key) + size
        elif kind == "delete":
            target.delete(key, journal)
            plain.pop(key, None)
        else:
            target.clear(journal)
            plain.clear()


@given(st.lists(CHANGES), st.lists(CHANGES), st.lists(CHANGES))
def test_the_total_is_what_a_recount_gives(kept, block, dropped):
    """Whatever was put, deleted and cleared; and taken back to where it was."""
    target, plain, journal = quota(), {}, []
    apply(target, plain, kept, journal)
    before_block, mark = dict(plain), len(journal)
    apply(target, plain, block, journal)
    assert target.total == sum(plain.values())

    target.take_back(journal, mark)
    assert target.total == sum(before_block.values())

    apply(target, before_block, dropped, journal)
    target.take_back(journal)
    assert target.total == 0
    assert not any(key in target for key in (b"a", b"bb", b"ccc"))


def test_s7_a_value_over_its_limit_is_refused():
    """S7: and nothing is counted."""
    target, journal = quota(value=10), []

    with pytest.raises(StorageLimitExceeded, match="would be 11 bytes; allowed are 10"):
        target.put(b"key", 11, journal)

    assert (target.total, journal) == (0, [])


def test_s7_a_room_over_its_limit_is_refused():
    """S7: keys count, too."""
    target, journal = quota(room=20), []
    target.put(b"a", 10, journal)

    with pytest.raises(StorageLimitExceeded, match="The room would be 21 bytes"):
        target.put(b"b", 9, journal)

    assert target.total == 11


def test_a_room_over_a_lowered_limit_may_shrink():
    """Or else nothing of it could ever be mended."""
    target = quota({b"a": 50}, room=20)

    target.put(b"a", 5, [])

    assert target.total == 6

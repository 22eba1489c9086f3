"""Values that need not be read again; never a stale one."""

from hypothesis import given
from hypothesis import strategies as st

from partyrooms.core import cache as recent
from partyrooms.core.cache import MAX_SIZE, MAX_VALUE_SIZE, RecentValues

KEYS = st.sampled_from([b"a", b"b", b"c", b"d", b"e", b"f", b"g"])
SIZES = st.sampled_from([1, 1000, MAX_VALUE_SIZE, MAX_VALUE_SIZE + 1])
STEPS = st.one_of(
    st.tuples(st.just("write"), KEYS, SIZES),
    st.tuples(st.just("delete"), KEYS, st.just(0)),
    st.tuples(st.sampled_from(["ask", "answer", "clear"]), st.none(), st.just(0)),
)


@given(st.lists(STEPS, max_size=40))
def test_what_is_known_is_what_a_plain_dict_has(steps):
    """Whatever was written, deleted, read and cleared while reads were under way."""
    values, plain = RecentValues(), {}
    asked = {}, values.generation
    for number, (kind, key, size) in enumerate(steps):
        if kind == "write":
            plain[key] = bytes([number]) * size
            values.written(key, plain[key])
        elif kind == "delete":
            plain.pop(key, None)
            values.written(key, None)
        elif kind == "clear":
            values.clear()
        elif kind == "ask":
            asked = dict(plain), values.generation
        elif kind == "answer":
            values.read(*asked)

        known = {bytes([k]): values.get(bytes([k])) for k in b"abcdefg"}
        known = {k: value for k, value in known.items() if value is not None}
        assert known.items() <= plain.items()
        assert sum(map(len, known.values())) <= MAX_SIZE
        if kind == "write" and size <= MAX_VALUE_SIZE:
            assert key in known


def test_a_value_written_is_known():
    """The newest one."""
    values = RecentValues()

    values.written(b"a", b"1")
    values.written(b"a", b"2")

    assert values.get(b"a") == b"2"


def test_a_deleted_value_is_not_known():
    """Whether it exists, the quota knows."""
    values = RecentValues()
    values.written(b"a", b"1")

    values.written(b"a", None)

    assert values.get(b"a") is None


def test_a_read_that_began_before_a_write_is_not_kept():
    """It may have found the value from before."""
    values = RecentValues()
    generation = values.generation
    values.written(b"b", b"2")

    values.read({b"a": b"old"}, generation)

    assert values.get(b"a") is None


def test_a_read_that_nothing_disturbed_is_kept():
    """So that the next one is not needed."""
    values = RecentValues()

    values.read({b"a": b"1"}, values.generation)

    assert values.get(b"a") == b"1"


def test_the_least_recently_used_value_leaves_first(monkeypatch):
    """The bound is in bytes of values."""
    monkeypatch.setattr(recent, "MAX_SIZE", 20)
    values = RecentValues()
    for key in (b"a", b"b"):
        values.written(key, b"x" * 10)
    values.get(b"a")

    values.written(b"c", b"x" * 10)

    assert [values.get(key) is not None for key in (b"a", b"b", b"c")] == [
        True,
        False,
        True,
    ]


def test_a_value_too_large_is_not_kept(monkeypatch):
    """It would push out everything else."""
    monkeypatch.setattr(recent, "MAX_VALUE_SIZE", 5)
    values = RecentValues()

    values.written(b"a", b"x" * 6)

    assert values.get(b"a") is None


def test_cleared_values_are_forgotten_and_reads_under_way_too():
    """Writes were taken back: nobody knows what holds."""
    values = RecentValues()
    values.written(b"a", b"1")
    generation = values.generation

    values.clear()
    values.read({b"a": b"1"}, generation)

    assert values.get(b"a") is None


def test_cleared_values_take_no_space():
    """As many fit as did before."""
    values = RecentValues()
    keys = [bytes([number]) for number in range(MAX_SIZE // MAX_VALUE_SIZE)]
    for key in keys:
        values.written(key, b"x" * MAX_VALUE_SIZE)

    values.clear()
    for key in keys:
        values.written(key, b"y" * MAX_VALUE_SIZE)

    assert [values.get(key) is not None for key in keys] == [True] * len(keys)

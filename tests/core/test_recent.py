"""Values that need not be read again; never a stale one."""

from partyrooms.core import recent
from partyrooms.core.recent import RecentValues


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

"""Storage values: what comes back, and what is refused with which text."""

import math
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import IntEnum
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partyrooms.core.values import MAX_DEPTH, decode, encode, encode_key
from partyrooms.exceptions import StorageLimitExceeded

BERLIN = ZoneInfo("Europe/Berlin")
Point = namedtuple("Point", "x y")


class Text(str):
    """A subclass of an allowed type."""


class Number(IntEnum):
    """Looks like an int."""

    ONE = 1


class Elsewhere(tzinfo):
    """A time zone that storage cannot name."""


hashable = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.datetimes(timezones=st.none() | st.just(UTC) | st.timezones()),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
)
values = st.recursive(
    hashable | st.sets(hashable, max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(), inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
    ),
    max_leaves=12,
)


def same(left, right):
    """Equal and of the same types all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(
            same(left[k], right[k]) for k in left
        )
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, set):
        return left == right and {*map(type, left)} == {*map(type, right)}
    if isinstance(left, datetime | time):
        return repr(left) == repr(right) and left.fold == right.fold
    return left == right


@given(values)
def test_s6_values_come_back_equal_and_of_the_same_type(value):
    """S6, for anything that is made of the allowed types."""
    assert same(decode(encode(value)), value)


@pytest.mark.parametrize(
    "value",
    [
        2**63,
        2**64,
        -(2**63) - 1,
        pytest.param(2**100_000, id="30103-digits"),
        [1, [2**64]],
        Decimal("-0"),
        Decimal("1E+5"),
        Decimal("Infinity"),
        datetime(2025, 10, 26, 2, 30, fold=0, tzinfo=BERLIN),
        datetime(2025, 10, 26, 2, 30, fold=1, tzinfo=BERLIN),
        datetime(2025, 1, 1, tzinfo=timezone(timedelta(seconds=1), "odd")),
        time(2, 30, fold=1, tzinfo=BERLIN),
        timedelta.max,
        timedelta.min,
        date.min,
        UUID(int=0),
        (),
        set(),
        ((1, (2, {(3,)})),),
        {"a": ({"b": {1, 2}},)},
        True,
    ],
)
def test_s6_corners_come_back(value):
    """S6: what other encodings lose: big ints, fold, zone names, exponents."""
    assert same(decode(encode(value)), value)


def test_not_a_number_comes_back():
    """NaN is no JSON, but a float."""
    assert math.isnan(decode(encode(math.nan)))


def test_a_decoded_value_is_the_callers_own():
    """S1: changing one changes no other."""
    stored = encode({"a": [1]})
    decode(stored)["a"].append(2)

    assert decode(stored) == {"a": [1]}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (object(), r"^\$ is a object"),
        (frozenset(), r"^\$ is a frozenset"),
        (bytearray(), r"^\$ is a bytearray"),
        (Text("a"), r"^\$ is a .*Text"),
        (Number.ONE, r"^\$ is a .*Number"),
        (Point(1, 2), r"^\$ is a .*Point"),
        (OrderedDict(), r"^\$ is a collections.OrderedDict"),
        ([1, {"a": [2, object()]}], r"^\$\[1\]\.a\[1\] is a object"),
        ({"a": ({"b": range(3)},)}, r"^\$\.a\[0\]\.b is a range"),
        ({(1, Text("x"))}, r"^an element of \$\[1\] is a .*Text"),
        ({1: 2}, r"^\$ has the key 1, a int"),
        ({"a b": {None: 2}}, r"^\$\['a b'\] has the key None"),
        ({Text("a"): 2}, r"^\$ has the key 'a', a .*Text"),
        ([datetime(2025, 1, 1, tzinfo=Elsewhere())], r"^\$\[0\] has the time zone"),
    ],
)
def test_s6_other_types_are_named_with_their_place(value, named):
    """S6: TypeError says which type, where, and what is allowed."""
    with pytest.raises(TypeError, match=named) as caught:
        encode(value)

    assert "convert it" in str(caught.value).lower()


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: {"a": x}, lambda x: (x,)])
def test_nesting_ends_at_its_limit(wrap):
    """As deep as allowed comes back; one more is a ValueError, not a crash."""
    value = 1
    for _ in range(MAX_DEPTH):
        value = wrap(value)

    assert decode(encode(value)) == value
    with pytest.raises(ValueError, match="nested deeper than 100"):
        encode(wrap(value))


def test_a_value_that_contains_itself_is_refused():
    """Also where it does so twice, which would double with every level."""
    value: list = []
    value += [value, value]

    with pytest.raises(ValueError, match=r"^\$\[0\] contains itself"):
        encode(value)


@pytest.mark.parametrize("value", ["\ud800", ["\ud800"], ("\ud800",), {"\ud800": 1}])
def test_text_without_utf8_is_refused(value):
    """A lone surrogate is a ValueError that says so."""
    with pytest.raises(ValueError, match="no UTF-8"):
        encode(value)


def extension(code, payload):
    """Bytes as somebody else might have stored them."""
    return msgspec.msgpack.encode(msgspec.msgpack.Ext(code, payload))


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\xc1",
        b"\x01\x01",
        b"\x92\x01",
        extension(99, b""),
        extension(1, b"x"),
        extension(1, encode(["2025-01-01", 0, "No/Where"])),
        extension(3, encode(5)),
        extension(4, encode(["a"])),
        extension(5, b"x"),
        extension(6, b"x"),
        extension(8, encode([[]])),
    ],
)
def test_bytes_that_are_no_value_are_a_value_error(stored):
    """Whatever stands in the database, decode() raises nothing else."""
    with pytest.raises(ValueError, match=r".+"):
        decode(stored)


@given(st.text(min_size=1, max_size=500))
def test_s3_keys_sort_as_their_utf8(key):
    """S3: the stored key is the UTF-8 itself."""
    assert encode_key(key) == key.encode()


@pytest.mark.parametrize("key", ["", "x" * 2049, "é" * 1025])
def test_s7_keys_beyond_the_limit_are_refused(key):
    """S7: 1-2,048 bytes of UTF-8."""
    with pytest.raises(StorageLimitExceeded, match="2048"):
        encode_key(key)


def test_s7_the_longest_key_is_allowed():
    """S7: exactly 2,048 bytes."""
    assert len(encode_key("é" * 1024)) == 2048


@pytest.mark.parametrize("key", [1, b"a", None])
def test_a_key_that_is_no_str_is_a_type_error(key):
    """The text names the type."""
    with pytest.raises(TypeError, match=type(key).__name__):
        encode_key(key)


@pytest.mark.parametrize("keys", [["a", "b"], ("a",), {"a"}, {"a": 1}])
def test_several_keys_are_sent_to_where_they_may_go(keys):
    """S1, S2: PartyKit's get, put and delete take several; here others do."""
    with pytest.raises(TypeError, match=r"get_many\(\), put_many\(\) and delete_many"):
        encode_key(keys)


def test_a_key_without_utf8_is_refused():
    """A lone surrogate has no order."""
    with pytest.raises(ValueError, match="no UTF-8"):
        encode_key("\ud800")

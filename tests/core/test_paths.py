"""Which room a URL names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partyrooms.core.keys import RoomKey
from partyrooms.core.paths import Address, parse_address, remainder
from partyrooms.exceptions import BadRoomId, UnknownParty


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        (b"chat/lobby", Address(RoomKey("chat", "lobby"), "")),
        (b"chat/lobby/", Address(RoomKey("chat", "lobby"), "/")),
        (b"chat/lobby/a/b", Address(RoomKey("chat", "lobby"), "/a/b")),
        (b"ch%61t/lobby", Address(RoomKey("chat", "lobby"), "")),
    ],
)
def test_w1_party_room_and_path(raw: bytes, address: Address):
    """W1: /parties/<party>/<room>[/<path>]."""
    assert parse_address(raw) == address


def test_h1_the_party_may_be_known():
    """H1: /party/<room> is party main."""
    address = parse_address(b"lobby/a", party="main")

    assert address == Address(RoomKey("main", "lobby"), "/a")


@pytest.mark.parametrize(
    ("raw", "room_id"),
    [
        (b"a%20b", "a b"),
        (b"a%2520b", "a%20b"),
        (b"a+b", "a+b"),
        (b"%C3%89", "\u00c9"),
        (b"E%CC%81", "E\u0301"),
        (b"100%", "100%"),
        (b"%zz", "%zz"),
        (b"%2e%2e%2e", "..."),
        (b"a" * 256, "a" * 256),
    ],
)
def test_w4_a_room_id_is_decoded_once_and_not_normalised(raw: bytes, room_id: str):
    """W4: percent-decoded once as UTF-8; NFC and NFD stay apart."""
    assert parse_address(raw, party="chat").key.room_id == room_id


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"/path", b"%2F", b"a%2Fb", b"%00", b"a%0Ab", b"%7F", b"%C2%85", b"%FF",
        b"%C3", b"%ED%A0%80", b".", b"..", b"%2E", b"%2e%2E", b"a" * 257,
        b"%C3%89" * 129,
    ],
)  # fmt: skip
def test_w4_what_no_room_can_be_called(raw: bytes):
    """W4, H6: empty, a slash, control characters, dots, no UTF-8, over 256 bytes."""
    with pytest.raises(BadRoomId):
        parse_address(raw, party="chat")


@pytest.mark.parametrize("raw", [b"", b"/a", b"Chat/a", b"%FF/a", b"-/a", b"a%2Fb/a"])
def test_h6_a_name_that_no_party_can_have_is_unknown(raw: bytes):
    """H6: an unknown party is told apart from a bad room id."""
    with pytest.raises(UnknownParty, match="No party can be named"):
        parse_address(raw)


def test_a_subpath_is_decoded():
    """H3: subpath reads like Django's path; broken UTF-8 is replaced there."""
    address = parse_address(b"lobby/a%20b/%FF", party="chat")

    assert address.subpath == "/a b/\ufffd"


@pytest.mark.parametrize(
    ("raw_path", "prefix"),
    [
        (b"/party/x%2Fy/z", "/party/"),
        (b"/api/v1/party/x%2Fy/z", "/api/v1/party/"),
        (b"/caf%C3%A9/party/x%2Fy/z", "/caf\u00e9/party/"),
        (b"/a%2Fb/party/x%2Fy/z", "/a/b/party/"),
        (b"/p%61rty/x%2Fy/z", "/party/"),
    ],
)
def test_the_rest_of_a_raw_path_stays_encoded(raw_path: bytes, prefix: str):
    """H1: wherever the URLs are mounted, the rest is what the client sent."""
    assert remainder(raw_path, prefix) == b"x%2Fy/z"


@pytest.mark.parametrize("raw_path", [b"/party%2Fx", b"/other/x", b"", b"/part"])
def test_a_prefix_that_is_not_in_the_raw_path_is_an_error(raw_path: bytes):
    """W4: an encoded slash separates nothing."""
    with pytest.raises(BadRoomId):
        remainder(raw_path, "/party/")


@given(st.binary(max_size=80))
def test_any_bytes_are_an_address_or_a_documented_error(raw: bytes):
    """W4: no input gets anything but a valid key or one of the two errors."""
    try:
        address = parse_address(raw)
    except (BadRoomId, UnknownParty):
        return
    assert address.subpath == "" or address.subpath.startswith("/")

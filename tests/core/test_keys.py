"""Room keys: what can be one, and what is made from it."""

import re

import pytest

from partyrooms.core.keys import RoomKey, validate_party, validate_room_id
from partyrooms.exceptions import BadRoomId


def test_a_key_is_written_as_it_is_read():
    """str() and parse() are each other's inverse."""
    key = RoomKey.parse("chat/lobby")

    assert key == RoomKey("chat", "lobby")
    assert str(key) == "chat/lobby"
    assert {key: 1}[RoomKey("chat", "lobby")] == 1


@pytest.mark.parametrize("text", ["chat", "", "/lobby", "chat/", "chat/a/b", "Chat/a"])
def test_text_that_is_no_key_is_refused(text):
    """parse() accepts party/room-id and nothing else."""
    with pytest.raises(BadRoomId):
        RoomKey.parse(text)


@pytest.mark.parametrize("name", ["a", "0", "chat-room", "a_b", "x" * 64])
def test_r3_party_names(name):
    """R3: 1-64 characters of a-z, 0-9, _ and -, first a letter or digit."""
    validate_party(name)


@pytest.mark.parametrize("name", ["", "-a", "_a", "Chat", "é", "a b", "a\n", "x" * 65])
def test_r3_other_party_names_are_refused_with_what_is_allowed(name):
    """R3: the text says what a name looks like."""
    with pytest.raises(BadRoomId, match="1 to 64 characters"):
        validate_party(name)


@pytest.mark.parametrize(
    "room_id",
    ["a", " ", "a b", "...", "%2F", "é" * 128, "x" * 256, "😀", "\xa0", "a\\b", "‮"],
)
def test_w4_room_ids(room_id):
    """W4: 1-256 bytes of UTF-8."""
    validate_room_id(room_id)

    assert RoomKey("chat", room_id).room_id == room_id


@pytest.mark.parametrize(
    "room_id",
    [
        *("", ".", "..", "a/b", "/", "x" * 257, "é" * 129, "\ud800", "a\udfff"),
        *map(chr, [*range(0x20), 0x7F, *range(0x80, 0xA0)]),
        "a\n",
    ],
)
def test_w4_other_room_ids_are_refused_with_what_is_allowed(room_id):
    """W4: control characters, slashes, dots alone and oversize are no room ids."""
    with pytest.raises(BadRoomId, match="1 to 256 bytes"):
        RoomKey("chat", room_id)


def test_w4_room_ids_are_not_normalised():
    """W4: an accent composed and decomposed are two rooms."""
    assert RoomKey("chat", "\u00c9") != RoomKey("chat", "E\u0301")


def test_a_room_id_that_is_no_str_is_a_type_error_that_says_so():
    """A number is not quietly turned into an id."""
    with pytest.raises(TypeError, match=r"not int \(5\)"):
        RoomKey("chat", 5)


def test_a_group_name_fits_a_channels_layer_and_its_room_alone():
    """Any room id gives an ASCII name below 100 characters; no two share one."""
    keys = [
        RoomKey("chat", "😀" * 64),
        RoomKey("chat", "a b"),
        RoomKey("chat", "a_b"),
        RoomKey("cha", "ta b"),
    ]
    names = {key.group_name for key in keys}

    assert len(names) == len(keys)
    assert all(re.fullmatch(r"[a-zA-Z0-9_.-]{1,99}", name) for name in names)

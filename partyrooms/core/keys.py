"""Which room: a party and a room id, validated, and the names made from them."""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from partyrooms.exceptions import BadRoomId

MAX_ROOM_ID_SIZE = 256
"""Bytes of UTF-8."""

_PARTY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
# C0, DEL and C1 are invisible in a log and differ between terminals; a lone surrogate
# has no UTF-8, so no URL and no database could hold it.
_ROOM_ID = re.compile(r"[^\x00-\x1f\x7f-\x9f/\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class RoomKey:
    """
    The address of one room; it exists only if both parts are valid.

    Raises:
        BadRoomId: If no room can have this party or room id.
        TypeError: If one of them is no ``str``.
    """

    party: str
    room_id: str

    def __post_init__(self) -> None:
        validate_party(self.party)
        validate_room_id(self.room_id)
        if type(self.room_id) is not str:  # as of choices; no codec knows subclasses
            object.__setattr__(self, "room_id", str.__str__(self.room_id))

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read a key as ``str()`` writes it: ``chat/lobby``.

        Raises:
            BadRoomId: If the text is no such pair, or one half of it is not valid.
        """
        party, slash, room_id = text.partition("/")
        if not slash:
            raise BadRoomId(
                f"{text!r} is no room key; write party/room-id, as in chat/lobby."
            )
        return cls(party, room_id)

    @property
    def group_name(self) -> str:
        """
        The room's group in a Channels layer: ASCII, 75 characters.

        A hash, because a room id may be longer than a group's name, and not ASCII.
        """
        digest = sha256(f"{self.party}\0{self.room_id}".encode()).hexdigest()
        return f"partyrooms.{digest}"

    def __str__(self) -> str:
        return f"{self.party}/{self.room_id}"


def validate_party(name: str) -> None:
    """
    Accept a party's name or say what one looks like.

    Raises:
        BadRoomId: If it is not 1-64 characters of ``a-z 0-9 _ -``, the first one a
            letter or a digit.
    """
    _require_str("party name", name)
    if not _PARTY.fullmatch(name):
        raise BadRoomId(
            f"{name!r} cannot be the name of a party; allowed are 1 to 64 characters "
            "of a-z, 0-9, _ and -, the first one a letter or a digit."
        )


def validate_room_id(room_id: str) -> None:
    """
    Accept a room id or say what one looks like; it is never changed (not normalised).

    Raises:
        BadRoomId: If it is not 1-256 bytes of UTF-8 without control characters and
            without "/", or if it is "." or "..".
    """
    _require_str("room id", room_id)
    if (
        _ROOM_ID.fullmatch(room_id)
        and room_id not in (".", "..")
        and len(room_id.encode()) <= MAX_ROOM_ID_SIZE
    ):
        return
    shown = room_id if len(room_id) <= 64 else f"{room_id[:64]}..."
    raise BadRoomId(
        f"{shown!r} cannot be a room id; allowed are 1 to {MAX_ROOM_ID_SIZE} bytes of "
        'UTF-8 without control characters and without "/", but not "." or "..".'
    )


def _require_str(what: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(
            f"A {what} is a str, not {type(value).__name__} ({value!r:.64}); "
            "convert it with str() if that is its name."
        )

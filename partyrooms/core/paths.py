"""Which room a URL names, read from the path as the client sent it."""

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from partyrooms.core.keys import RoomKey, validate_party
from partyrooms.exceptions import BadRoomId, UnknownParty

MAIN_PARTY = "main"
"""The party of ``/party/<room>``."""


@dataclass(frozen=True, slots=True)
class Address:
    """
    A room and what follows its id in the URL.

    Attributes:
        key: Valid; nothing says that the party is registered.
        subpath: Percent-decoded, "" or with a leading slash.
    """

    key: RoomKey
    subpath: str


def remainder(raw_path: bytes, prefix: str) -> bytes:
    """
    What follows a prefix in a path that is still percent-encoded.

    A resolver matches decoded text, where ``%2F`` is a slash like any other. So the
    prefix that it matched is looked for in front of the raw slashes only.

    Args:
        raw_path: As the client sent it, without the query.
        prefix: Percent-decoded, up to and with its last slash.

    Raises:
        BadRoomId: If the prefix ends at an encoded slash, or is not there.
    """
    end = raw_path.find(b"/")
    while end >= 0:
        if _decoded(raw_path[: end + 1]) == prefix:
            return raw_path[end + 1 :]
        end = raw_path.find(b"/", end + 1)
    raise BadRoomId(f"{raw_path[:300]!r} names no room: nothing follows {prefix!r}.")


def parse_address(raw: bytes, *, party: str | None = None) -> Address:
    """
    Read ``<party>/<room>[/<path>]``, or ``<room>[/<path>]`` where the party is known.

    Each part is percent-decoded once, as UTF-8. A ``%`` that starts no escape stands
    for itself.

    Args:
        raw: Percent-encoded, without a leading slash.

    Raises:
        UnknownParty: If no party can have this name.
        BadRoomId: If no room can have this id.
    """
    if party is None:
        name, _, raw = raw.partition(b"/")
        party = _party(name)
    room_id, slash, subpath = raw.partition(b"/")
    try:
        text = unquote_to_bytes(room_id).decode()
    except UnicodeDecodeError:
        raise BadRoomId(
            f"{room_id[:64]!r} cannot be a room id: percent-decoded it is not UTF-8."
        ) from None
    return Address(RoomKey(party, text), _decoded(slash + subpath))


def _party(raw: bytes) -> str:
    name = _decoded(raw)
    try:
        validate_party(name)
    except BadRoomId:
        raise UnknownParty(name) from None
    return name


def _decoded(raw: bytes) -> str:
    # As ASGI servers and Django do with what they call the path.
    return unquote_to_bytes(raw).decode(errors="replace")

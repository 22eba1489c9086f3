"""All sockets of one user, in all rooms and processes."""

from typing import Any

from partyrooms import registry
from partyrooms.core.validation import as_closing, as_payload, as_text
from partyrooms.ports.host import get_host


async def disconnect_user(user: Any, code: int = 4401, reason: str = "") -> int:
    """
    Close a user's sockets, wherever they are; ``on_close`` of each room follows.

    One whose handshake is under way is closed as soon as it is accepted. It keeps
    nobody from coming back: log the user out, or deactivate them, before.

    Args:
        user: A Django user, or its primary key.
        code: 1000 or 3000-4999.
        reason: At most 123 bytes of UTF-8.

    Returns:
        How many sockets there were.

    Raises:
        RoomUnreachable: If a process did not answer, or none can be reached from here.
        ValueError: If it is nobody, or code or reason cannot be sent.
    """
    code, reason = as_closing(code, reason)
    found = {"user_id": _user_id(user), "code": code, "reason": reason}
    return await _everywhere("disconnect", found)


async def send_to_user(
    user: Any, message: str | bytes, party: str | None = None
) -> int:
    """
    Queue a message at a user's sockets, wherever they are; no room hears of it.

    Args:
        user: A Django user, or its primary key.
        message: As ``Room.broadcast`` takes it.
        party: Only at those in rooms of this party.

    Returns:
        How many sockets there were.

    Raises:
        RoomUnreachable: As ``disconnect_user``.
        UnknownParty: If no class is registered under it.
        ValueError: If it is nobody, or the message is text that has no UTF-8.
    """
    if party is not None:
        registry.get(party)
    payload = as_payload(message, "send_to_user")
    what = {"user_id": _user_id(user), "message": payload, "party": party}
    return await _everywhere("send", what)


def _user_id(user: Any) -> str:
    user_id = getattr(user, "pk", user)
    if user_id in (None, ""):
        raise ValueError(
            f"{user!r:.80} is nobody: give a saved user, or a primary key."
        )
    return as_text(str(user_id), "A user's primary key")


async def _everywhere(name: str, arguments: dict[str, Any]) -> int:
    counts = await get_host().run(lambda node: node.everywhere(name, arguments))
    return sum(counts)

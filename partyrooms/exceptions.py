"""
Every error of partyrooms, the tree on top.

Each class carries the HTTP status (``status_code``) and the WebSocket close code
(``close_code``) that a client is shown when the error ends its request or its socket.
Texts are written for developers and logs; a client sees the code and a short fixed
reason only.
"""

from __future__ import annotations

# PartyroomsError
#  +-- BadRoomId (ValueError)
#  +-- UnknownParty (LookupError)
#  +-- Reject
#  +-- StorageLimitExceeded (ValueError)
#  +-- HookTimeout (TimeoutError)
#  +-- BlockTimeout (TimeoutError)
#  +-- RoomUnreachable (ConnectionError)
#  |    +-- RoomElsewhere
#  |    +-- RoomStopped
#  |    +-- MailboxFull
#  +-- GateFull
#  +-- StoreUnavailable (ConnectionError)
#  +-- StreamBroken (ConnectionError)
#  +-- SocketClosed (ConnectionError)
#  +-- CallFailed
#  +-- CallCycle
#  +-- ConnectionTrouble
#       +-- MessageTooBig
#       +-- RateExceeded
#       +-- TooSlow
#       +-- GatewayLost


class PartyroomsError(Exception):
    """
    The root: catch it to catch whatever partyrooms raises on purpose.

    Attributes:
        was_logged: The log has its line already, so whom it reaches need not add one.
    """

    status_code = 500
    close_code = 1011
    was_logged = False


class BadRoomId(PartyroomsError, ValueError):
    """A room id (or party name) that no room can have."""

    status_code = 400
    close_code = 1008


class UnknownParty(PartyroomsError, LookupError):
    """
    No room class is registered under this party name.

    Attributes:
        party: The name.
        known: The parties that there are; None: no party can have this name.
    """

    status_code = 404
    close_code = 1008

    def __init__(self, party: str, known: tuple[str, ...] | None = None) -> None:
        super().__init__(party, known)
        self.party = party
        self.known = known

    def __str__(self) -> str:
        if self.known is None:
            return f"No party can be named {self.party!r:.80}."
        known = ", ".join(self.known) or "none"
        return (
            f"There is no party named {self.party!r}; registered: {known}. "
            "Is its class in the rooms.py of an installed app?"
        )


class Reject(PartyroomsError):
    """
    Raise it in a before-hook to turn a client away.

    A WebSocket is accepted and closed with ``code`` and ``reason``, which a browser's
    script can see; an HTTP request gets 403 with the reason.

    Args:
        code: 1000, 1008 or 3000-4999; 4000-4999 are the application's own.
        reason: At most 123 bytes of UTF-8. The client sees it.
    """

    status_code = 403

    def __init__(self, code: int = 4401, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"rejected with {self.code}: {self.reason or 'no reason given'}"


class StorageLimitExceeded(PartyroomsError, ValueError):
    """A key, a value or a whole room is larger than its limit; nothing was written."""

    status_code = 507

    def __init__(self, what: str, size: int, limit: int, remedy: str = "") -> None:
        super().__init__(what, size, limit, remedy)
        self.what = what
        self.size = size
        self.limit = limit
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.what} would be {self.size} bytes; allowed are {self.limit}."
        return f"{text} {self.remedy}".rstrip()


class HookTimeout(PartyroomsError, TimeoutError):
    """A hook ran longer than ``HOOK_TIMEOUT`` and was cancelled."""

    status_code = 504

    def __init__(self, hook: str, timeout: float) -> None:
        super().__init__(hook, timeout)
        self.hook = hook
        self.timeout = timeout

    def __str__(self) -> str:
        return (
            f"{self.hook} ran longer than HOOK_TIMEOUT ({self.timeout:g} s) and was "
            "cancelled; move long work into self.create_task()."
        )


class BlockTimeout(PartyroomsError, TimeoutError):
    """A ``storage.atomic()`` took longer than it may, and was rolled back."""

    status_code = 504

    def __init__(self, limit: float) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return (
            f"A block of storage.atomic() took longer than {self.limit:g} s (half of "
            "LEASE_TTL) and was rolled back: it holds locks of the database. Do what "
            "waits, for other rooms or the network, before the block or behind it."
        )


class RoomUnreachable(PartyroomsError, ConnectionError):
    """The room cannot be reached from this process."""

    status_code = 503
    close_code = 1013


class RoomElsewhere(RoomUnreachable):
    """Another living process owns the room, and this one cannot reach it."""


class RoomStopped(RoomUnreachable):
    """The room's life ended before the event was handled; the next event starts it."""

    close_code = 1012


class MailboxFull(RoomUnreachable):
    """More events wait for the room than it has place for, or time."""


class GateFull(PartyroomsError):
    """Background work sends or stores faster than is committed."""

    status_code = 503
    close_code = 1013

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.capacity = capacity

    def __str__(self) -> str:
        return (
            f"{self.capacity} turns of the room wait for their commit, as many as "
            "MAILBOX_SIZE allows. Write `await self.storage.sync()` where background "
            "work repeats itself: it waits until everything is committed."
        )


class StoreUnavailable(PartyroomsError, ConnectionError):
    """The database could not be reached; what was asked of it may be asked again."""

    status_code = 503
    close_code = 1013


class StreamBroken(PartyroomsError, ConnectionError):
    """A streamed answer ended before the room's generator did."""


class SocketClosed(PartyroomsError, ConnectionError):
    """A socket of the project's own code is closed, with ``code`` and ``reason``."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"closed with {self.code}" + (f": {self.reason}" if self.reason else "")


class CallFailed(PartyroomsError):
    """A method called through a stub raised; ``error_type`` and ``text`` say what."""

    def __init__(self, error_type: str, text: str) -> None:
        super().__init__(error_type, text)
        self.error_type = error_type
        self.text = text

    def __str__(self) -> str:
        return f"{self.error_type}: {self.text}"


class CallCycle(PartyroomsError):
    """A room waited for itself, directly or through other rooms."""

    status_code = 508


class ConnectionTrouble(PartyroomsError):
    """
    What ``on_error`` is told: this connection is in trouble and will be closed.

    Attributes:
        close_code: What the client is closed with.
        reason: The short text that goes with it.
    """

    reason = "trouble"

    def __str__(self) -> str:
        return ": ".join([self.reason, *map(str, self.args)])


class MessageTooBig(ConnectionTrouble):
    """A frame from the client is larger than ``MAX_MESSAGE_SIZE``."""

    close_code = 1009
    reason = "message too big"


class RateExceeded(ConnectionTrouble):
    """The client sent more messages than ``message_rate`` allows."""

    close_code = 1008
    reason = "message rate exceeded"


class TooSlow(ConnectionTrouble):
    """The client reads so slowly that ``MAX_QUEUED_BYTES`` wait for it."""

    close_code = 3008
    reason = "too slow"


class GatewayLost(ConnectionTrouble):
    """The web process that held the socket is gone."""

    close_code = 1006
    reason = "gateway lost"

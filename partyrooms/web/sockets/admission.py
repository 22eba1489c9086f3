"""What a handshake found out about a client that may come in."""

from dataclasses import dataclass

from django.http import HttpRequest

from partyrooms.core.keys import RoomKey


@dataclass(slots=True, kw_only=True)
class Admission:
    """
    A client whose handshake passed: what the consumer attaches to the room.

    It is handed over as ``scope["partyrooms"]``. The ``websocket.connect`` event is
    consumed, and nothing was sent yet: accepting or denying is the consumer's.

    Attributes:
        key: The room; its party is registered.
        connection_id: The client's ``_pk``, or one made here.
        user_id: The primary key of the Django user as text; None: nobody is logged in.
        uri: Path and query as the client sent them, percent-encoded.
        subprotocol: The one to select; None: none.
        headers: For ``websocket.accept``: cookies and the project's own headers.
        request: The handshake after ``MIDDLEWARE``; ``props`` are the before-hook's.
        deadline: The event loop's time by which the handshake must be answered.
    """

    key: RoomKey
    connection_id: str
    user_id: str | None
    uri: str
    subprotocol: str | None
    headers: list[tuple[bytes, bytes]]
    request: HttpRequest
    deadline: float

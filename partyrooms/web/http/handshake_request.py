"""A WebSocket handshake as Django's middleware sees it: a GET request."""

from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.core.signals import got_request_exception
from django.dispatch import receiver
from django.http import HttpRequest

from partyrooms.core.wire.message import Activated
from partyrooms.delivery.surroundings import Variables


class HandshakeRequest(ASGIRequest):
    """
    The request of a handshake.

    Attributes:
        is_answered: A before-hook made its response, which is sent as it is.
        has_failed: An exception became its response: a defect, not a decision.
        connection_id: What the client calls itself, or a name made for it.
        subprotocol: The one to select; None: none.
        user_id: The Django user's primary key as text; None: anonymous.
        activated: What middleware had activated for it.
        own_context: Context variables around it; None: it has not been let in.
    """

    is_lean = True
    is_answered = False
    has_failed = False
    connection_id = ""
    subprotocol: str | None = None
    user_id: str | None = None
    activated: Activated | None = None
    own_context: Variables | None = None


@receiver(got_request_exception)
def note_failure(*, request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Tell a failed handshake from one that was answered with a status of 500."""
    if isinstance(request, HandshakeRequest):
        request.has_failed = True

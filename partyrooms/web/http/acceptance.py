"""The end of a handshake's way through the project: the client is let in."""

from django.http import HttpResponse

from partyrooms.delivery.internals import keep_body
from partyrooms.delivery.surroundings import note_surroundings
from partyrooms.web.http.address import target_of
from partyrooms.web.http.before_hooks import require_hook_ran
from partyrooms.web.http.handshake_request import HandshakeRequest
from partyrooms.web.http.policy import load_user


class Acceptance(HttpResponse):
    """What the chain returns for a client that passed."""

    status_code = 101


async def accept(request: HandshakeRequest) -> HttpResponse:
    """Accept a client that passed every check, and load its user."""
    require_hook_ran(request, target_of(request))
    request.user_id = await load_user(request)
    note_surroundings(request)
    keep_body(request, b"")
    return Acceptance()

"""Whether the host that a client asked for is served here (``ALLOWED_HOSTS``)."""

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from partyrooms.delivery.responses import json_error


def host_of(request: HttpRequest) -> str | None:
    """Host and port that the client asked for; None: they are not served here."""
    try:
        return request.get_host()
    except DisallowedHost:
        return None


def unknown_host() -> HttpResponse:
    """The answer to a client that asked for a host which is not served here."""
    return json_error(400, "This host is not served here.")

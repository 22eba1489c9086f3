"""Visitors are told apart, although the demo has no login."""

import secrets

from django.http import HttpRequest


def visitor(request: HttpRequest) -> str:
    """
    The random name of this browser's session.

    It is stored in Django's session, so a client can neither choose it nor learn
    another's. Call it where the session is: in a view or a plain before-hook.
    """
    name: str = request.session.setdefault("visitor", secrets.token_urlsafe(16))
    return name

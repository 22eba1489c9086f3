"""Who somebody is, though nobody logs in to the demo."""

import secrets

from django.http import HttpRequest


def visitor(request: HttpRequest) -> str:
    """
    What this browser is called, the same one each time.

    It is kept in Django's session, so no client can choose it, guess it, or be told
    anybody else's. Call it where the session is: in a view or a plain before-hook.
    """
    name: str = request.session.setdefault("visitor", secrets.token_urlsafe(16))
    return name

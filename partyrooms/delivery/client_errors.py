"""Errors that Django raises for what a client sent, with their statuses."""

from django.core.exceptions import (
    BadRequest,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework.exceptions import APIException, ParseError

# Django's limits for forms and DisallowedHost are SuspiciousOperations.
_BAD_REQUESTS = (
    SuspiciousOperation,
    BadRequest,
    MultiPartParserError,
    UnreadablePostError,
)


class BodyTooLarge(APIException):
    """The body is over ``MAX_BODY_SIZE``, or over a limit of Django's."""

    status_code = 413
    default_detail = "The body is too large."
    default_code = "body_too_large"


def client_error(error: Exception) -> APIException | None:
    """
    REST framework's error for one of Django's; None: it says nothing of the client.

    The error's own text stays out of it, as in Django.
    """
    if isinstance(error, RequestDataTooBig):
        return BodyTooLarge()
    if isinstance(error, _BAD_REQUESTS):
        return ParseError("The request is malformed.")
    return None

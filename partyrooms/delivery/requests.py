"""What ``on_request`` is given, wherever the room runs."""

from typing import Any

from django.core.exceptions import SuspiciousOperation
from rest_framework.exceptions import ParseError
from rest_framework.request import Request


class RoomRequest(Request):
    """
    REST framework's request, for a room.

    A body that cannot be parsed is the client's mistake, whatever is wrong with it.

    Attributes:
        props: What the before-hook passed on.
        user_id: The user's primary key as text; None: nobody is logged in.
        subpath: What follows the room id in the path: "" or "/a/b".
    """

    props: dict[str, Any]
    user_id: str | None
    subpath: str

    def _parse(self) -> Any:
        try:
            return super()._parse()  # type: ignore[misc]
        except RecursionError as error:
            raise ParseError("The body is nested too deeply.") from error
        except SuspiciousOperation as error:  # Django's limits for forms
            raise ParseError("The form is too large.") from error

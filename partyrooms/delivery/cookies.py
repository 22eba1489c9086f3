"""Cookie lines that travel as they were written, whatever attributes they have."""

from collections.abc import Container
from http.cookies import CookieError, Morsel
from typing import Any

from django.http.response import HttpResponseBase


class CookieLine(Morsel[str]):
    """
    One ``Set-Cookie`` line in a response's ``cookies``.

    Python's parser drops a line with an attribute that it does not know. A middleware
    may still add attributes, which follow the line, where browsers take the last of a
    name; a new value replaces the line.
    """

    def __init__(self, line: str) -> None:
        super().__init__()
        name, _, rest = line.partition("=")
        value = rest.partition(";")[0].strip()
        try:
            self.set(name.strip(), value, value)
        except CookieError:  # no name that Python takes; the line stays as it is
            self.set("unnamed", value, value)
        self._line = line

    def set(self, key: str, val: str, coded_val: str) -> None:
        """Take another value, and with it a line of its own."""
        super().set(key, val, coded_val)
        self._line = f"{key}={coded_val}"

    def OutputString(self, attrs: Container[str] | None = None) -> str:
        """The line, and what was added to it."""
        added = super().OutputString(attrs)[len(f"{self.key}={self.coded_value}") :]
        return self._line + added

    def __reduce__(self) -> tuple[Any, ...]:
        """Stay the same in a cache of responses."""
        return CookieLine, (self.OutputString(),)


def add_cookie(response: HttpResponseBase, line: str) -> None:
    """Have a response send one more ``Set-Cookie`` line, as it is."""
    if not line.isascii():
        response["Set-Cookie"] = line  # Django sends cookies as ASCII only
        return
    cookie = CookieLine(line)
    # Cookies of one name may differ in path and domain.
    key = line if cookie.key in response.cookies else cookie.key
    response.cookies[key] = cookie

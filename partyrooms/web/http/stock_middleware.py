"""Django's own middleware, asked outside of the chain that it stands in."""

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.locale import LocaleMiddleware
from django.utils.module_loading import import_string

_CLASSES = (CommonMiddleware, LocaleMiddleware, CsrfViewMiddleware)


def configured(*classes: type) -> list[Any]:
    """Those of the project's middleware that are Django's, or derived from it."""
    return [
        middleware
        for middleware in _instances(tuple(settings.MIDDLEWARE))
        if isinstance(middleware, classes)
    ]


@cache
def _instances(paths: tuple[str, ...]) -> list[Any]:
    found = map(import_string, paths)
    return [
        one(HttpResponse)  # it never asks for a response
        for one in found
        if isinstance(one, type) and issubclass(one, _CLASSES)
    ]

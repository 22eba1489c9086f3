"""Context variables that have a value for a block."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


@contextmanager
def during(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    """Give a context variable a value for a block."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)

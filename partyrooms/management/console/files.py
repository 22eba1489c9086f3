"""The files that rooms are exported to and imported from."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from django.core.management.base import CommandError

STANDARD = "-"
"""Standard output, or standard input."""


@contextmanager
def to_write(name: str, *, resumes: bool) -> Iterator[tuple[TextIO, int]]:
    """
    Open what an export is written to.

    Args:
        name: Of the file, or ``STANDARD``.
        resumes: Go on with a file behind its last whole room.

    Yields:
        The file, and the ``row`` of the last room that it has; 0: none.

    Raises:
        CommandError: If there is such a file already, or none to go on with.
    """
    if name == STANDARD:
        if resumes:
            raise CommandError("--resume goes on with a file: name it.")
        yield sys.stdout, 0
        return
    path = Path(name)
    try:
        end, row = _whole_part(path) if resumes else (0, 0)
        file = path.open("r+" if resumes else "x", encoding="utf-8", newline="\n")
    except FileExistsError:
        text = f"{path} exists. Go on with it: --resume. Or name another file."
        raise CommandError(text) from None
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error}") from error
    with file:
        file.truncate(end)
        file.seek(end)
        yield file, row


@contextmanager
def to_read(name: str) -> Iterator[TextIO]:
    """Open an export; a CommandError if that cannot be."""
    if name == STANDARD:
        yield sys.stdin
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(name).open(encoding="utf-8"))
        except OSError as error:
            raise CommandError(f"{name} cannot be read: {error}") from error
        yield file


def count_rooms(name: str) -> int | None:
    """How many whole rooms a file has; None: it is standard input."""
    if name == STANDARD:
        return None
    with to_read(name) as file:
        return sum(line.startswith('{"end":') for line in file)


def _whole_part(path: Path) -> tuple[int, int]:
    """Bytes up to the end of the last whole room of a file, and its row."""
    end = position = row = 0
    with path.open("rb") as file:
        for line in file:
            position += len(line)
            if line.startswith(b'{"end":') and line.endswith(b"\n"):
                end, row = position, int(json.loads(line)["row"])
    return end, row

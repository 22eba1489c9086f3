"""What a command prints: tables for people, JSON lines for programs."""

import json
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import Any, Protocol

from django.core.serializers.json import DjangoJSONEncoder


class Stream(Protocol):
    """Django's ``OutputWrapper``, as far as it is used here."""

    def write(self, msg: str) -> Any:
        """Print a line."""

    def isatty(self) -> bool:
        """Whether a person reads it."""


class Output:
    """
    Prints what a command has found or done.

    Args:
        stream: Where to; a table is drawn with ``rich`` if that is installed and a
            person reads it, and is plain text otherwise.
        is_json: Print JSON, one object a line.
    """

    def __init__(self, stream: Stream, *, is_json: bool) -> None:
        self.is_json = is_json
        self._stream = stream
        self._is_rich = stream.isatty() and find_spec("rich") is not None

    def table(self, names: Sequence[str], pieces: Iterable[list[list[Any]]]) -> bool:
        """
        Print rows, a piece of them at a time, so that their number does not matter.

        Args:
            names: Of the columns: keys in JSON, headings in capitals.
            pieces: Lists of rows; numbers are set to the right.

        Returns:
            Whether there was any row.
        """
        widths: list[int] = []
        for rows in pieces:
            if self.is_json:
                for row in rows:
                    self.record(dict(zip(names, row, strict=True)))
            elif self._is_rich:
                self._draw(names, rows, is_first=not widths)
            else:
                self._set_in_columns(names, rows, widths)
            widths = widths or [0]
        return bool(widths)

    def fields(self, fields: dict[str, Any]) -> None:
        """Print what is known of one thing: a line for each fact, or one object."""
        if self.is_json:
            self.record({name.replace(" ", "_"): one for name, one in fields.items()})
            return
        width = max(map(len, fields)) + 2
        for name, value in fields.items():
            self._stream.write(f"{name:<{width}}{_text(value)}")

    def done(self, text: str, **fields: Any) -> None:
        """Say what was done: a sentence, or an object."""
        if self.is_json:
            self.record(fields)
        else:
            self._stream.write(text)

    def record(self, fields: dict[str, Any]) -> None:
        """Print one object as a line of JSON, in either case."""
        self._stream.write(json.dumps(fields, cls=DjangoJSONEncoder))

    def _set_in_columns(
        self, names: Sequence[str], rows: list[list[Any]], widths: list[int]
    ) -> None:
        lines = [[_text(cell) for cell in row] for row in rows]
        if not widths:
            lines.insert(0, [name.upper() for name in names])
            widths.extend([0] * len(names))
        # Of those that are to come nothing is known: they may need wider columns.
        for number, column in enumerate(zip(*lines, strict=True)):
            widths[number] = max(widths[number], *map(len, column))
        is_number = [isinstance(cell, int) for cell in rows[0]]
        for line in lines:
            cells = [
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(line, widths, is_number, strict=True)
            ]
            self._stream.write("  ".join(cells).rstrip())

    def _draw(
        self, names: Sequence[str], rows: list[list[Any]], *, is_first: bool
    ) -> None:
        from rich.box import SIMPLE
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE, show_header=is_first, pad_edge=False)
        for name, cell in zip(names, rows[0], strict=True):
            is_number = isinstance(cell, int)
            table.add_column(name, justify="right" if is_number else "left")
        for row in rows:
            table.add_row(*(Text(_text(cell)) for cell in row))
        console = Console(force_terminal=True)
        with console.capture() as capture:
            console.print(table)
        self._stream.write(capture.get().rstrip("\n"))


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)

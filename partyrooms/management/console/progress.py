"""How far a long command has come, for the person who waits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from partyrooms.management.console.output import Stream

STEP = 1000
"""Things between two lines where no bar can be drawn."""


@contextmanager
def progress(
    stream: Stream, what: str, total: int | None
) -> Iterator[Callable[[], None]]:
    """
    Show a bar on a terminal, or a line now and then without ``rich``; else nothing.

    Args:
        stream: Beside what the command prints.
        what: Is counted.
        total: How many there will be; None: nobody knows.

    Yields:
        What is called with each one that is done.
    """
    if not stream.isatty():
        yield lambda: None
    elif find_spec("rich") is None:
        yield _lines(stream, what)
    else:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)


def _lines(stream: Stream, what: str) -> Callable[[], None]:
    count = 0

    def done() -> None:
        nonlocal count
        count += 1
        if count % STEP == 0:
            stream.write(f"{count} {what}")

    return done

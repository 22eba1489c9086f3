"""Tells how far a run is: a line for every turn, and a bar below them."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


class TurnProgress:
    """A bar of turns on standard error. Use it as a context manager."""

    def __init__(self, turns: int) -> None:
        self._progress = Progress(
            TextColumn("turns"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            # Drawing uses a core that is measured.
            auto_refresh=False,
        )
        self._task = self._progress.add_task("turns", total=turns)

    def __enter__(self) -> "TurnProgress":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def advance(self, line: str) -> None:
        """Tell of a turn that is over."""
        self._progress.console.print(
            line, markup=False, highlight=False, soft_wrap=True
        )
        self._progress.advance(self._task)
        self._progress.refresh()

"""One line for each log record, so that records can be counted."""

import logging

MARK = "record"


class OneLine(logging.Formatter):
    """
    ``record LEVEL logger [action] text | traceback``, on one line.

    The lines of a traceback are joined by " / ".
    """

    def __init__(self) -> None:
        super().__init__(f"{MARK} %(levelname)s %(name)s [%(action)s] %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Turn what would be several lines into one."""
        record.__dict__.setdefault("action", "-")
        return " / ".join(super().format(record).splitlines())

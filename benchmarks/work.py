"""
Runs a room worker the way all are run here.

Started as ``python -m benchmarks.work <core>``; prints a line when it takes rooms.
"""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Pin the process and own rooms until SIGTERM."""
    (core,) = sys.argv[1:]
    if core != "any":
        os.sched_setaffinity(0, {int(core)})
    execute_from_command_line(["manage.py", "runrooms"])


main()

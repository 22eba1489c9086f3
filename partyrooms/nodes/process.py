"""Processes of this machine: which one this is, and whether another one is gone."""

import os
import socket
import sys
import time
import uuid
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

_PROC = Path("/proc")


@cache
def host() -> str:
    """
    Name the space in which a pid means one process.

    On Linux the kernel's boot id and the inode of the pid namespace, so that neither a
    reboot nor a second container makes a pid ambiguous; elsewhere the machine's name
    and hardware address.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}:{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return f"{socket.gethostname()[:80]}:{uuid.getnode():012x}"


def start_mark(pid: int) -> str:
    """
    Tell a process from a later one with the same pid; empty where that is unknown.

    On Linux the start time in clock ticks since boot.
    """
    _, started = _stat(pid)
    return started


def is_process_gone(pid: int, started: str) -> bool:
    """
    Whether a process of this host certainly runs no more; False when in doubt.

    A process that has ended and only waits for its parent to notice is gone.

    Args:
        pid: Its process id.
        started: Its ``start_mark``, or "" if that was unknown.
    """
    if sys.platform == "win32":
        return False  # os.kill() would end the process instead of asking for it.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        pass  # Somebody else's, or no pid of this machine: /proc may know more.
    state, mark = _stat(pid)
    if state in ("Z", "X"):
        return True
    # Where /proc hides the processes of other users there is no mark to compare.
    return bool(started and mark) and mark != started


def is_process_stopped(pid: int, started: str) -> bool:
    """Whether a process of this host certainly exists and is stopped, as by SIGSTOP."""
    state, mark = _stat(pid)
    return bool(started) and mark == started and state in ("T", "t")


def _stat(pid: int) -> tuple[str, str]:
    """A process's state letter and start time; both empty where they are unknown."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text("ascii", errors="replace")
    except OSError:
        return "", ""
    # The second field is the program's name in parentheses and may hold spaces.
    fields = stat.rpartition(")")[2].split()
    return fields[0], fields[19]


def _boot_clock() -> Callable[[], float]:
    if hasattr(time, "CLOCK_BOOTTIME"):
        return partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    return time.monotonic


boot_clock = _boot_clock()
"""Seconds on a clock that cannot be set, and that counts while a machine sleeps."""

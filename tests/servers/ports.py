"""Ports of this machine, each for one process of one test run at a time."""

import fcntl
import os
import secrets
import socket
import tempfile
from functools import cache
from pathlib import Path

# Below the range that clients' own ends come from: a port that is free for a moment
# while its server restarts must not be taken by one of them.
FIRST, LAST = 15_000, 31_000

_taken: set[int] = set()


def new_port() -> int:
    """
    A port of 127.0.0.1 on which nobody listens.

    It belongs to this process until its end: no other process of any test run on this
    machine is given it meanwhile, not even while the server on it restarts.
    """
    while True:
        # Not from random, which pytest-randomly seeds alike in each of its processes.
        port = FIRST + secrets.randbelow(LAST - FIRST)
        if port not in _taken and _reserve(port) and _is_free(port):
            return port


def _reserve(port: int) -> bool:
    """Lock the byte that stands for a port; whether nobody else had."""
    try:
        fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except BlockingIOError:
        return False
    _taken.add(port)
    return True


@cache
def _reservations() -> int:
    """The shared file; not closed, for that would give up the locks."""
    path = Path(tempfile.gettempdir()) / f"partyrooms-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

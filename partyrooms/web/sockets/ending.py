"""How a server tells that a socket has ended."""

from collections.abc import Mapping
from typing import Any

from partyrooms.ports.sockets import Closing


def tells_reasons(scope: Mapping[str, Any]) -> bool:
    """Whether close frames come with their reason (ASGI WebSocket spec, from 2.3)."""
    version = str((scope.get("asgi") or {}).get("spec_version", "2.0"))
    return tuple(map(int, version.split("."))) >= (2, 3)


def ending_of(event: dict[str, Any], has_reasons: bool) -> tuple[Closing, bool]:
    """How a socket ended: its close code and reason, and whether by a close frame."""
    code = event.get("code") or 1005
    # uvicorn says 1005 also of a connection that broke; only a frame has a reason.
    if code == 1006 or (code == 1005 and has_reasons and "reason" not in event):
        return (1006, ""), False
    return (code, event.get("reason") or ""), True

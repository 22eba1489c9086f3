"""What a client may send to a class's rooms or to its ``on_socket``."""

from collections.abc import Callable
from typing import Any

from partyrooms.conf import Settings
from partyrooms.core.frames import payload_size
from partyrooms.core.rates import Rate
from partyrooms.exceptions import ConnectionTrouble, MessageTooBig, RateExceeded


class Limits:
    """
    Size and rate of one client's messages.

    Attributes:
        harmless: Length of a payload up to which it needs no look; -1: each does.

    Args:
        room_class: Its own limits come first.
        settings: The project's.
        clock: Seconds that never run backwards.
    """

    def __init__(
        self, room_class: Any, settings: Settings, clock: Callable[[], float]
    ) -> None:
        self._clock = clock
        self._size: int = room_class.max_message_size or settings.max_message_size
        rate = room_class.message_rate or settings.message_rate
        self._bucket = Rate.parse(rate).bucket() if rate else None
        # No character takes more than four bytes.
        self.harmless = self._size // 4 if self._bucket is None else -1

    def trouble_with(self, payload: str | bytes) -> ConnectionTrouble | None:
        """Count a message; the limit that it breaks, or None."""
        size = payload_size(payload)
        if size > self._size:
            return MessageTooBig(f"{size} bytes; allowed are {self._size}")
        if self._bucket is not None and not self._bucket.take(self._clock()):
            return RateExceeded()
        return None

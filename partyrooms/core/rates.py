"""How often something may happen: the text ``"100/s"``, and a bucket that counts."""

import re
from dataclasses import dataclass
from typing import Self

_PERIODS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_RATE = re.compile(r"([1-9][0-9]{0,8})/([smh])")


@dataclass(frozen=True, slots=True)
class Rate:
    """
    At most ``count`` events in ``period`` seconds.

    Attributes:
        count: At least 1.
        period: Seconds.
    """

    count: int
    period: float

    @classmethod
    def parse(cls, text: object) -> Self:
        """
        Read ``"100/s"``, ``"100/m"`` or ``"100/h"``.

        Raises:
            ValueError: If the text is no such rate; it says what one looks like.
        """
        match = _RATE.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(
                f"{text!r:.80} is no rate; write a whole number of events from 1 on, a "
                'slash, and s, m or h for a second, a minute or an hour, as in "100/s".'
            )
        return cls(int(match[1]), _PERIODS[match[2]])

    def bucket(self) -> "TokenBucket":
        """A full bucket of this rate."""
        return TokenBucket(self)


class TokenBucket:
    """
    Counts events against a rate: as many at once as the rate's count, then at its pace.

    Args:
        rate: How many tokens the bucket holds, and in what time it fills.
    """

    __slots__ = ("_capacity", "_filled_at", "_speed", "_tokens")

    def __init__(self, rate: Rate) -> None:
        self._capacity = float(rate.count)
        self._speed = rate.count / rate.period
        self._tokens = self._capacity
        self._filled_at: float | None = None

    def take(self, now: float) -> bool:
        """
        Take a token; False: there is none, the event is one too many.

        Args:
            now: Seconds on any clock that does not run backwards.
        """
        if self._filled_at is not None:
            gained = (now - self._filled_at) * self._speed
            self._tokens = min(self._capacity, self._tokens + gained)
        self._filled_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

"""How long a room's events take, from what its last ones took."""

MEMORY = 20
"""Events over which the average is taken: the older, the less each of them counts."""


class Pace:
    """The time per event of a room that has more to do than it does at once."""

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        self._seconds = 0.0

    def handled(self, events: int, seconds: float) -> None:
        """So many events took so long, with all that the process did beside them."""
        if events:
            kept = (1 - 1 / MEMORY) ** events
            self._seconds = self._seconds * kept + seconds / events * (1 - kept)

    def wait(self, events: int) -> float:
        """About how many seconds an event waits that so many are in front of."""
        return events * self._seconds

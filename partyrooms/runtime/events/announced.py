"""Something is told to all rooms of a party that run: a broadcast of each."""

from collections.abc import Awaitable
from typing import ClassVar

from partyrooms.core.frames import Frame
from partyrooms.runtime.events.event import Event, nothing
from partyrooms.runtime.life import Life
from partyrooms.runtime.turn import Turn


class Announced(Event):
    """A broadcast, in the room's order; no room is started for it."""

    hook: ClassVar[str] = "a broadcast to a party"

    frame: Frame

    def wakes(self) -> bool:
        return False

    def act(self, life: Life, turn: Turn) -> Awaitable[None]:
        life.broadcast(self.frame, frozenset())
        return nothing()

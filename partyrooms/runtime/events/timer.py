"""A timer of a room is due: its call, in the room's order."""

from collections.abc import Awaitable
from typing import ClassVar

from partyrooms.runtime.events.event import Event, nothing
from partyrooms.runtime.life import Life
from partyrooms.runtime.timers import Timer
from partyrooms.runtime.turn import Turn


class TimerEvent(Event):
    """The call of a timer, which is nothing to any other life than its own."""

    hook: ClassVar[str] = "a timer's method"

    timer: Timer

    def wakes(self) -> bool:
        return False

    def act(self, life: Life, turn: Turn) -> Awaitable[None]:
        timer = self.timer
        if not timer.begin():
            return nothing()
        return life.hooks.awaitable(timer.method)(*timer.args)

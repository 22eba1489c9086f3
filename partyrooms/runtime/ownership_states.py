"""How a node stands to a room: a table of states, and nothing else is possible."""

from enum import Enum, auto

from partyrooms.exceptions import PartyroomsError


class State(Enum):
    """What this node is to one room."""

    ABSENT = auto()
    """Nothing: the room may be owned elsewhere, or by nobody."""
    CLAIMING = auto()
    """It has asked the store for the room and has no answer yet."""
    OWNED = auto()
    """It runs the room, under one epoch."""
    DRAINING = auto()
    """It takes no further event and commits what is left."""
    LOST = auto()
    """Somebody else may own the room: nothing of this life may leave or be stored."""


class Event(Enum):
    """What happens between a node and a room."""

    CLAIM = auto()
    GRANT = auto()
    REFUSE = auto()
    DRAIN = auto()
    LOSE = auto()
    RELEASE = auto()


TRANSITIONS: dict[State, dict[Event, State]] = {
    State.ABSENT: {
        Event.CLAIM: State.CLAIMING,
    },
    State.CLAIMING: {
        Event.GRANT: State.OWNED,
        Event.REFUSE: State.ABSENT,
        # The node was declared dead while it waited: a grant that still comes is void.
        Event.LOSE: State.LOST,
    },
    State.OWNED: {
        Event.DRAIN: State.DRAINING,
        Event.LOSE: State.LOST,
    },
    State.DRAINING: {
        Event.DRAIN: State.DRAINING,  # asked twice: by a stop request and by shutdown
        Event.RELEASE: State.ABSENT,
        Event.LOSE: State.LOST,
    },
    State.LOST: {
        Event.LOSE: State.LOST,  # the fence and the heartbeat may both notice
        Event.RELEASE: State.ABSENT,
    },
}


class IllegalTransition(PartyroomsError, RuntimeError):
    """An event that cannot happen in a state: a mistake of partyrooms, not a user's."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(state, event)
        self.state = state
        self.event = event

    def __str__(self) -> str:
        return f"{self.event.name} while {self.state.name}"


def next_state(state: State, event: Event) -> State:
    """
    Look up what an event makes of a state.

    Raises:
        IllegalTransition: If the pair is not in the table; it names both.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransition(state, event) from None

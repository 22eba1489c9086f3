"""A node's ownership of one room: claimed, given up or lost, as the table says."""

import logging
from collections.abc import Iterable
from enum import Enum, auto
from uuid import UUID

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import PartyroomsError, RoomStopped, StoreUnavailable
from partyrooms.ports.records import Claim, Handover
from partyrooms.ports.store import NOTHING, Store
from partyrooms.runtime.releaser import Releaser

logger = logging.getLogger("partyrooms.runtime")


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


class Change(Enum):
    """What happens between a node and a room."""

    CLAIM = auto()
    GRANT = auto()
    REFUSE = auto()
    DRAIN = auto()
    LOSE = auto()
    RELEASE = auto()


TRANSITIONS: dict[State, dict[Change, State]] = {
    State.ABSENT: {
        Change.CLAIM: State.CLAIMING,
    },
    State.CLAIMING: {
        Change.GRANT: State.OWNED,
        Change.REFUSE: State.ABSENT,
        # The node was declared dead while it waited: a grant that still comes is void.
        Change.LOSE: State.LOST,
    },
    State.OWNED: {
        Change.DRAIN: State.DRAINING,
        Change.LOSE: State.LOST,
    },
    State.DRAINING: {
        Change.DRAIN: State.DRAINING,  # asked twice: by a stop request and by shutdown
        Change.RELEASE: State.ABSENT,
        Change.LOSE: State.LOST,
    },
    State.LOST: {
        Change.LOSE: State.LOST,  # the fence and the heartbeat may both notice
        Change.RELEASE: State.ABSENT,
    },
}


class IllegalTransition(PartyroomsError, RuntimeError):
    """An event that cannot happen in a state: a mistake of partyrooms, not a user's."""

    def __init__(self, state: State, change: Change) -> None:
        super().__init__(state, change)
        self.state = state
        self.change = change

    def __str__(self) -> str:
        return f"{self.change.name} while {self.state.name}"


def next_state(state: State, change: Change) -> State:
    """
    Look up what an event makes of a state.

    Raises:
        IllegalTransition: If the pair is not in the table; it names both.
    """
    try:
        return TRANSITIONS[state][change]
    except KeyError:
        raise IllegalTransition(state, change) from None


class Ownership:
    """
    Claims a room and gives it up, one ownership period after the other.

    Attributes:
        state: What the node is to the room.

    Args:
        key: Which room.
        store: Where it is claimed.
        releaser: Gives it up, together with other rooms of the node.
    """

    __slots__ = ("_key", "_releaser", "_store", "state")

    def __init__(self, key: RoomKey, store: Store, releaser: Releaser) -> None:
        self.state = State.ABSENT
        self._key = key
        self._store = store
        self._releaser = releaser

    async def claim(
        self, *, hibernates: bool = False, gateways: Iterable[UUID] = ()
    ) -> Claim:
        """
        Begin an ownership period.

        Args:
            hibernates: As in ``Store.claim``.
            gateways: As in ``Store.claim``.

        Raises:
            RoomUnreachable: If another node has the room, or this one lost it while
                it waited.
            StoreUnavailable: If the database did not answer.
        """
        self._go(Change.CLAIM)
        try:
            claim = await self._store.claim(
                self._key, hibernates=hibernates, gateways=gateways
            )
        except BaseException:
            self._go(Change.RELEASE if self.is_lost else Change.REFUSE)
            raise
        if self.is_lost:
            self._go(Change.RELEASE)
            raise RoomStopped(f"{self._key} was lost while it was claimed.")
        self._go(Change.GRANT)
        return claim

    async def release(self, claim: Claim, handover: Handover = NOTHING) -> None:
        """
        End an ownership period, whether it is lost or not.

        Args:
            claim: The period.
            handover: What the next owner gets besides what is stored.
        """
        if not self.is_lost:
            self._go(Change.DRAIN)
            try:
                await self._releaser.release(claim, handover)
            except StoreUnavailable as error:
                # The row still names this node, which may claim it again.
                logger.warning(
                    "%s could not be released: %s",
                    self._key,
                    error,
                    extra={"action": "release_failed", "room": str(self._key)},
                )
            finally:
                self._go(Change.RELEASE)
        else:
            self._go(Change.RELEASE)

    async def delete(self, claim: Claim) -> None:
        """End an ownership period by removing the room with all that it stores."""
        self._go(Change.DRAIN)
        try:
            await self._store.delete(claim)
        finally:
            self._go(Change.RELEASE)

    def lose(self) -> bool:
        """The room may be somebody else's from now on; whether it was this node's."""
        if self.state is State.ABSENT:
            return False
        self._go(Change.LOSE)
        return True

    def forget(self) -> None:
        """A lost period is over for good: nothing of it is under way any more."""
        self._go(Change.RELEASE)

    @property
    def is_lost(self) -> bool:
        """Whether nothing of this period may leave or be stored any more."""
        return self.state is State.LOST

    def _go(self, change: Change) -> None:
        self.state = next_state(self.state, change)

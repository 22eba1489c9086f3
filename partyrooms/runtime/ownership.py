"""A node's ownership of one room: claimed, given up or lost, as the table says."""

import logging
from collections.abc import Mapping, Sequence
from uuid import UUID

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomStopped, StoreUnavailable
from partyrooms.ports.records import Claim
from partyrooms.ports.store import Store
from partyrooms.runtime.ownership_states import Event, State, next_state

logger = logging.getLogger("partyrooms.runtime")


class Ownership:
    """
    Claims a room and gives it up, one ownership period after the other.

    Attributes:
        state: What the node is to the room.

    Args:
        key: Which room.
        store: Where it is claimed.
    """

    __slots__ = ("_key", "_store", "state")

    def __init__(self, key: RoomKey, store: Store) -> None:
        self.state = State.ABSENT
        self._key = key
        self._store = store

    async def claim(self, gateways: Sequence[UUID] | None = None) -> Claim:
        """
        Begin an ownership period.

        Args:
            gateways: As in ``Store.claim``.

        Raises:
            RoomUnreachable: If another node has the room, or this one lost it while
                it waited.
            StoreUnavailable: If the database did not answer.
        """
        self._go(Event.CLAIM)
        try:
            claim = await self._store.claim(self._key, gateways)
        except BaseException:
            self._go(Event.RELEASE if self.is_lost else Event.REFUSE)
            raise
        if self.is_lost:
            self._go(Event.RELEASE)
            raise RoomStopped(f"{self._key} was lost while it was claimed.")
        self._go(Event.GRANT)
        return claim

    async def release(
        self,
        claim: Claim,
        gateways: Sequence[UUID] | None = None,
        progress: bytes | None = None,
        seats: Mapping[UUID | None, bytes] | None = None,
    ) -> None:
        """
        End an ownership period, whether it is lost or not.

        Args:
            claim: The period.
            gateways: The nodes with sockets that stay open; None: as when it began.
            progress: How far they are; None: as it is stored.
            seats: Who is connected, as in ``Store.release``.
        """
        if not self.is_lost:
            self._go(Event.DRAIN)
            try:
                await self._store.release([claim], gateways, progress, seats)
            except StoreUnavailable as error:
                # The row still names this node, which may claim it again.
                logger.warning(
                    "%s could not be released: %s",
                    self._key,
                    error,
                    extra={"action": "release_failed", "room": str(self._key)},
                )
            finally:
                self._go(Event.RELEASE)
        else:
            self._go(Event.RELEASE)

    async def delete(self, claim: Claim) -> None:
        """End an ownership period by removing the room with all that it stores."""
        self._go(Event.DRAIN)
        try:
            await self._store.delete(claim)
        finally:
            self._go(Event.RELEASE)

    def lose(self) -> bool:
        """The room may be somebody else's from now on; whether it was this node's."""
        if self.state is State.ABSENT:
            return False
        self._go(Event.LOSE)
        return True

    def forget(self) -> None:
        """A lost period is over for good: nothing of it is under way any more."""
        self._go(Event.RELEASE)

    @property
    def is_lost(self) -> bool:
        """Whether nothing of this period may leave or be stored any more."""
        return self.state is State.LOST

    def _go(self, event: Event) -> None:
        self.state = next_state(self.state, event)

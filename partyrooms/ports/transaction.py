"""The port between a block and the transaction that it stands for."""

from typing import Protocol

from partyrooms.ports.store import Claim, Outcome, RoomCommit


class AtomicTransaction(Protocol):
    """
    One transaction for a room's writes and whatever else is written in it.

    Its methods block, and are called in one thread: whatever that thread writes to the
    same database between ``begin`` and ``commit`` is in it. Each may raise
    ``StoreUnavailable``.

    Attributes:
        is_committed: It is, even if ``commit`` has raised: a handler of
            ``transaction.on_commit`` has.
        is_unsure: ``commit`` has raised, and only ``Store.outcome`` knows.
    """

    is_committed: bool
    is_unsure: bool

    def begin(self, claim: Claim, version: int) -> Outcome:
        """
        Begin with the fence: the room's row stays as it is until the end.

        Returns:
            LOST: the row is no longer this claim's, and nothing has begun.
        """

    def commit(self, commit: RoomCommit) -> Outcome:
        """Write what the room wants written, and commit; LOST: nothing is written."""

    def roll_back(self) -> None:
        """Undo everything; nothing if it has not begun, or has ended."""

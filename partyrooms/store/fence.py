"""Whether a commit may be written: what the row holds against what it expects."""

from dataclasses import dataclass
from enum import Enum, auto
from uuid import UUID

from partyrooms.ports.records import Outcome, RoomCommit


@dataclass(frozen=True, slots=True)
class Row:
    """The part of a room's row that fences."""

    owner: UUID | None
    epoch: int
    version: int
    last_commit: UUID | None = None


class Verdict(Enum):
    """What to do about one room's part of a commit."""

    WRITE = auto()
    DONE = auto()
    """It was written before and only the answer was lost."""
    LOST = auto()

    @property
    def outcome(self) -> Outcome:
        """What the room is told once the transaction has been committed."""
        return Outcome.LOST if self is Verdict.LOST else Outcome.COMMITTED


def judge(row: Row | None, node: UUID, commit: RoomCommit) -> Verdict:
    """
    Compare a room's row, read under lock, with what a commit expects of it.

    Args:
        row: The row; None: it is gone.
        node: Who commits.
        commit: What it wants.
    """
    if row is None or row.owner != node or row.epoch != commit.claim.epoch:
        return Verdict.LOST
    if row.version == commit.version:
        return Verdict.WRITE
    # By its own identity: the version alone may be another commit's.
    return Verdict.DONE if row.last_commit == commit.id else Verdict.LOST

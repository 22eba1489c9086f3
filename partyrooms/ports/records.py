"""What a node and a store tell each other: plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from uuid import UUID, uuid4

from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.writes import WriteSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """
    One ownership period of one room.

    Attributes:
        key: Which room.
        record: The primary key of its row.
        epoch: The number of this ownership period: the fencing token.
        version: How many commits the row had seen when it was claimed.
        gateways: The nodes that may have sockets of the room open, those among them
            that the claim has named.
        progress: What the last period has stored of its gateways; see
            ``core.delivery_log``. None: nothing.
        displaced: The last owner, which has not given the room up; None: it has.
        seats: The profiles of other nodes' connections when the room was given up, by
            node; None: one whose row is removed.
        alarm: The room's alarm then; None: it had none.
    """

    key: RoomKey
    record: int
    epoch: int
    version: int
    gateways: tuple[UUID, ...] = ()
    progress: bytes | None = None
    displaced: UUID | None = None
    seats: tuple[tuple[UUID | None, bytes], ...] = ()
    alarm: Alarm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """
    What an owner that gives a room up leaves to the next one.

    Attributes:
        gateways: The nodes with sockets that stay open; None: the row goes on to name
            those that it names.
        progress: How far the gateways were served; None: what the row has stays.
        seats: The profiles of the connections, by node; None: the owner itself.
    """

    gateways: Sequence[UUID] | None = None
    progress: bytes | None = None
    seats: Mapping[UUID | None, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    A living node, as others reach it.

    Attributes:
        node: Its id.
        channel: Its own in the channel layer; empty: it cannot be reached.
        host: See ``nodes.process.host``.
        pid: Its process.
        pid_started: See ``nodes.process.start_mark``.
        takes_rooms: Whether rooms may be placed there.
    """

    node: UUID
    channel: str
    host: str = ""
    pid: int = 0
    pid_started: str = ""
    takes_rooms: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomCommit:
    """
    What one room wants written.

    Attributes:
        claim: Under which ownership.
        version: What the row's version must be before; it is one more afterwards.
        writes: The buffered writes, merged.
        progress: How far the room's gateways are by then; None: as it is stored.
        id: The row keeps it: whether it was this commit that was written last. Rooms
            whose writes share a transaction may share it.
    """

    claim: Claim
    version: int
    writes: WriteSet
    progress: bytes | None = None
    id: UUID = field(default_factory=uuid4)


class Outcome(Enum):
    """What became of one room's part of a commit."""

    COMMITTED = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class DueAlarm:
    """
    A room that is to be woken.

    Attributes:
        key: Which room.
        at: When, in UTC.
        is_own: The asking node owns the room.
    """

    key: RoomKey
    at: datetime
    is_own: bool


CronKey = tuple[str, str]
"""The party and the name of a cron."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CronRow:
    """
    One cron and its last tick.

    Attributes:
        record: The primary key of its row.
        key: Which cron.
        tick: The last one that was begun; before the first one: since when the cron is
            known. In UTC.
        runner: The node that has begun it; None: none has, or its row is removed.
        is_running: It has not ended.
        is_own: The asking node has begun it.
        is_abandoned: It has not ended, and its runner is dead.
    """

    record: int
    key: CronKey
    tick: datetime
    runner: UUID | None
    is_running: bool
    is_own: bool
    is_abandoned: bool

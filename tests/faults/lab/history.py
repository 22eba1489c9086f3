"""
What clients saw against what is stored: the invariants 1 to 5 of DESIGN 4.

The room is a ledger (``site/rooms.py``): each message asks for one op, which raises a
counter by one; the counter's value is the op's position in the room's one sequence.
The room tells the sender and broadcasts. A new connection is welcomed with the position
reached. Nobody ever sends an op twice.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a frame from the ledger says."""

    WELCOME = "welcome"
    ACKNOWLEDGEMENT = "acknowledgement"
    BROADCAST = "broadcast"


class Socket(NamedTuple):
    """An op as a room handled it, or stored it."""

    position: int
    op: str
    epoch: int
    node: str


class Attempt(NamedTuple):
    """An op that a client has sent; ``at`` is before its first byte left."""

    op: str
    at: float


class Frame(NamedTuple):
    """A frame that a client got; a welcome has no op."""

    kind: Kind
    op: str
    position: int
    epoch: int
    at: float


@dataclass
class Visit:
    """
    One connection, as its client saw it.

    Attributes:
        client: Who; the same before and after a reconnect.
        attempts: What it sent, in order.
        frames: What it got, in order.
        close_code: How it ended; None: it was open to the end.
    """

    client: str
    attempts: list[Attempt] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    close_code: int | None = None


@dataclass
class History:
    """
    Everything known about one room, once nothing moves any more.

    Attributes:
        visits: All connections; those of one client in their order.
        handled: What the room's owners noted before each turn's end, in any order.
        stored: What is in the database, by position; None: the room stores nothing.
    """

    visits: list[Visit]
    handled: list[Socket]
    stored: list[Socket] | None

    @property
    def sequence(self) -> list[Socket]:
        """
        The room's one sequence: what it stored.

        A room that stores nothing has only told it, each part to somebody: who sent an
        op may hear of it though an owner that stops broadcasts it to nobody.
        """
        if self.stored is not None:
            return self.stored
        told = {
            Socket(frame.position, frame.op, frame.epoch, "")
            for visit in self.visits
            for frame in visit.frames
            if frame.kind is not Kind.WELCOME
        }
        return sorted(told, key=_order)


class Violation(NamedTuple):
    """A promise that was broken."""

    invariant: int
    text: str

    def __str__(self) -> str:
        return f"[{self.invariant}] {self.text}"


def find_violations(history: History) -> list[Violation]:
    """Every broken promise; none: the history is good."""
    sequence = history.sequence
    return [
        *_check_sequence(history, sequence),
        *_check_acknowledgements(history, sequence),
        *_check_real_time(history, sequence),
        *_check_handling(history, sequence),
        *_check_views(history, sequence),
        *_check_epochs(history, sequence),
        *_check_owners(history),
    ]


def _check_sequence(history: History, sequence: list[Socket]) -> Iterator[Violation]:
    """Stored is a subset of attempted, nothing is applied twice, nothing is missing."""
    attempted = {a.op for visit in history.visits for a in visit.attempts}
    for op, times in Counter(line.op for line in sequence).items():
        if times > 1:
            yield Violation(1, f"{op} was applied {times} times")
        if op not in attempted:
            yield Violation(1, f"{op} was applied, but nobody has sent it")
    if history.stored is not None:
        positions = [line.position for line in sequence]
        if positions != list(range(1, len(positions) + 1)):
            gaps = sorted(set(range(1, max(positions) + 1)) - set(positions))
            yield Violation(1, f"the positions stored leave gaps or repeat: {gaps}")
    turns = Counter((line.epoch, line.op) for line in history.handled)
    for (epoch, op), times in turns.items():
        if times > 1:
            yield Violation(1, f"{op} was handled {times} times in epoch {epoch}")


def _check_acknowledgements(
    history: History, sequence: list[Socket]
) -> Iterator[Violation]:
    """Acknowledged is a subset of stored, and told as it is stored."""
    lines = {line.op: line for line in sequence}
    for visit in history.visits:
        sent = {attempt.op for attempt in visit.attempts}
        told: set[str] = set()
        for frame in _frames(visit, Kind.ACKNOWLEDGEMENT):
            line = lines.get(frame.op)
            if line is None:
                yield Violation(
                    1, f"{frame.op} was acknowledged to {visit.client} and is lost"
                )
            elif (line.position, line.epoch) != (frame.position, frame.epoch):
                yield Violation(
                    1,
                    f"{frame.op} was acknowledged as {_place(frame)}, but is "
                    f"{_place(line)}",
                )
            if frame.op in told or frame.op not in sent:
                yield Violation(
                    1, f"{frame.op} was acknowledged twice, or to a stranger"
                )
            told.add(frame.op)


def _check_real_time(history: History, sequence: list[Socket]) -> Iterator[Violation]:
    """An op that was acknowledged before another one was sent comes before it."""
    positions = {line.op: number for number, line in enumerate(sequence)}
    moments: list[tuple[float, int, str]] = []
    for visit in history.visits:
        moments += [(a.at, 0, a.op) for a in visit.attempts]
        told = _frames(visit, Kind.ACKNOWLEDGEMENT)
        moments += [(frame.at, 1, frame.op) for frame in told]
    newest = -1
    for _, is_told, op in sorted(moments):
        position = positions.get(op, -1)
        if is_told:
            newest = max(newest, position)
        elif -1 < position < newest:
            before = sequence[newest].op
            yield Violation(
                1, f"{op} was sent after {before} was acknowledged, but comes before it"
            )


def _check_handling(history: History, sequence: list[Socket]) -> Iterator[Violation]:
    """A prefix of what a connection sent is handled; less than all only if closed."""
    visit_of = {
        a.op: v for v, visit in enumerate(history.visits) for a in visit.attempts
    }
    handled: dict[int, list[str]] = defaultdict(list)
    for line in sequence:
        if line.op in visit_of:
            handled[visit_of[line.op]].append(line.op)
    for number, visit in enumerate(history.visits):
        sent = [attempt.op for attempt in visit.attempts]
        ops = handled[number]
        if ops != sent[: len(ops)]:
            due = [*sent, "nothing"]
            at = next(i for i, op in enumerate(ops) if op != due[i])
            yield Violation(
                2, f"{ops[at]} of {visit.client} was handled where {due[at]} was due"
            )
        elif len(ops) < len(sent) and visit.close_code is None:
            yield Violation(
                2,
                f"{visit.client} is connected, but {len(sent) - len(ops)} of what it "
                f"sent were never handled, {sent[len(ops)]} the first",
            )


def _check_views(history: History, sequence: list[Socket]) -> Iterator[Violation]:
    """Each connection sees one contiguous piece from its welcome on; all, if open."""
    keys = [_order(line) for line in sequence]
    for visit in history.visits:
        if not visit.frames:
            continue
        welcome = visit.frames[0]
        if welcome.kind is not Kind.WELCOME:
            yield Violation(3, f"{visit.client} heard of {welcome.op} before a welcome")
            continue
        if history.stored is not None and welcome.position > len(sequence):
            yield Violation(
                3, f"{visit.client} was welcomed to {_place(welcome)}, not stored"
            )
        yield from _check_piece(visit, sequence, bisect_right(keys, _order(welcome)))
        told = [_order(frame) for frame in _frames(visit, Kind.ACKNOWLEDGEMENT)]
        if told != sorted(told):
            yield Violation(3, f"{visit.client} was acknowledged out of order: {told}")


def _check_piece(visit: Visit, sequence: list[Socket], due: int) -> Iterator[Violation]:
    """What a connection saw is the sequence from number ``due`` on."""
    for frame in _frames(visit, Kind.BROADCAST):
        line = sequence[due] if due < len(sequence) else None
        if line is None or line[:3] != (frame.position, frame.op, frame.epoch):
            expected = f"{line.op} as {_place(line)}" if line else "nothing"
            yield Violation(
                3,
                f"{visit.client} saw {frame.op} as {_place(frame)}; due was {expected}",
            )
            return
        due += 1
    if visit.close_code is None and due < len(sequence):
        yield Violation(
            3,
            f"{visit.client} is connected, but never saw the last "
            f"{len(sequence) - due}, {sequence[due].op} the first",
        )


def _check_epochs(history: History, sequence: list[Socket]) -> Iterator[Violation]:
    """Neither the sequence nor a client goes back to a lower epoch."""
    yield from _falls("the sequence", sequence)
    frames: dict[str, list[Frame]] = defaultdict(list)
    for visit in history.visits:
        frames[visit.client] += visit.frames
    for client, its in frames.items():
        yield from _falls(client, its)


def _check_owners(history: History) -> Iterator[Violation]:
    """Each epoch belongs to one node."""
    owners: dict[int, set[str]] = defaultdict(set)
    for line in (*history.handled, *(history.stored or ())):
        owners[line.epoch].add(line.node)
    for epoch, nodes in sorted(owners.items()):
        if len(nodes) > 1:
            yield Violation(5, f"epoch {epoch} had several owners: {sorted(nodes)}")


def _falls(who: str, entries: Iterable[Socket | Frame]) -> Iterator[Violation]:
    highest = 0
    for entry in entries:
        if entry.epoch < highest:
            what = entry.op or "a welcome"
            yield Violation(
                4, f"{who} has {what} of epoch {entry.epoch} after epoch {highest}"
            )
        highest = max(highest, entry.epoch)


def _frames(visit: Visit, kind: Kind) -> Iterator[Frame]:
    return (frame for frame in visit.frames if frame.kind is kind)


def _order(entry: Socket | Frame) -> tuple[int, int]:
    return entry.epoch, entry.position


def _place(entry: Socket | Frame) -> str:
    return f"position {entry.position} of epoch {entry.epoch}"

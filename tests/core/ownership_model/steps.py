"""What may happen next in a world: each step is one that nothing can come between."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple
from uuid import UUID

from partyrooms.core.keys import RoomKey
from partyrooms.core.writes import WriteSet
from partyrooms.ports.records import Claim, RoomCommit
from partyrooms.runtime.ownership import Change, State, next_state
from partyrooms.store.fence import Row, Verdict, judge
from tests.core.ownership_model.world import FRESH, Flight, Life, Node, Stored, World

Judge = Callable[[Row | None, UUID, RoomCommit], Verdict]


@dataclass(frozen=True)
class Rules:
    """
    What keeps a room safe.

    Attributes:
        judge: The fence of a commit.
        has_gate: Outputs leave behind the commit of what they tell.
        has_filter: A gateway takes no output of a lower epoch after a higher one.
        has_comparison: A claim takes the row only as it was when it was looked at.
    """

    judge: Judge = judge
    has_gate: bool = True
    has_filter: bool = True
    has_comparison: bool = True


@dataclass(frozen=True)
class Size:
    """How far a search goes: lives of processes, ownership periods, increments."""

    nodes: int = 2
    epochs: int = 2
    ops: int = 2


class Step(NamedTuple):
    """Something that happens, and the world afterwards."""

    name: str
    world: World


def steps(world: World, rules: Rules, size: Size) -> Iterator[Step]:
    """Everything that may happen next."""
    fresh = [number for number, node in enumerate(world.nodes) if node == FRESH]
    for number in fresh[:1]:  # One of those that have done nothing is like the other.
        yield from _claim(world, number, rules, size)
    for number, node in enumerate(world.nodes):
        if number in fresh:
            continue
        if node.is_alive:
            yield _declare_dead(world, number)
        if not node.is_running:
            continue
        yield _kill(world, number)
        yield from _claim(world, number, rules, size)
        if node.life is not None:
            yield from _run(world, number, node.life, rules, size)
            yield _lose(world, number, "by its clock")
    yield from _deliver(world, rules)


def _declare_dead(world: World, number: int) -> Step:
    """An observer, rightly or not, takes a node for dead."""
    node = world.nodes[number]._replace(is_alive=False)
    return Step(f"{number} is declared dead", world.with_node(number, node))


def _kill(world: World, number: int) -> Step:
    """
    A process ends, and with it all that it remembers.

    A commit on its way either came before this or never comes: its transaction has the
    row's lock, so that a claim waits for it.
    """
    node = Node(is_running=False, is_alive=world.nodes[number].is_alive)
    return Step(f"{number} is killed", world.with_node(number, node))


def _lose(world: World, number: int, how: str) -> Step:
    """A node drops the room, since it may be somebody else's, or is."""
    lost = next_state(world.nodes[number].state, Change.LOSE)
    return Step(
        f"{number} loses the room {how}",
        _without_room(world, number, next_state(lost, Change.RELEASE)),
    )


def _claim(world: World, number: int, rules: Rules, size: Size) -> Iterator[Step]:
    """A node looks at the room's row and takes it as it was."""
    node, row = world.nodes[number], world.stored.row
    if node.state is State.ABSENT and row.epoch < size.epochs:
        claiming = next_state(node.state, Change.CLAIM)
        looking = node._replace(state=claiming, looked_at=row)
        yield Step(f"{number} looks at the row", world.with_node(number, looking))
    if node.state is not State.CLAIMING or node.looked_at is None:
        return
    refused = next_state(node.state, Change.REFUSE)
    if not _may_take(world, number, node.looked_at, rules):
        yield Step(f"{number} is refused", _without_room(world, number, refused))
        return
    taken, life = _take(world, number, node.looked_at)
    waiting = node._replace(looked_at=None, life=life)
    yield Step(f"{number} takes the row", taken.with_node(number, waiting))
    # It does not know that the row names it, and may claim once more.
    yield Step(
        f"{number} takes the row, the reply is lost",
        _without_room(taken, number, refused),
    )


def _may_take(world: World, number: int, seen: Row, rules: Rules) -> bool:
    """The condition of the claim's UPDATE at the moment when it is carried out."""
    if rules.has_comparison and world.stored.row != seen:
        return False
    owner = seen.owner
    is_free = owner in (None, _id(number)) or not world.nodes[owner.int].is_alive
    return is_free and world.nodes[number].is_alive


def _take(world: World, number: int, seen: Row) -> tuple[World, Life]:
    row = Row(_id(number), seen.epoch + 1, seen.version)
    taken = world._replace(stored=world.stored._replace(row=row))
    return taken.with_owner(row.epoch, number), Life(row.epoch, row.version)


def _run(
    world: World, number: int, life: Life, rules: Rules, size: Size
) -> Iterator[Step]:
    """An owner loads the room, handles events, commits, and tells."""
    node = world.nodes[number]
    if life.log is None:
        yield _load(world, number, life)
        return
    if node.state is State.OWNED and world.attempted < size.ops:
        yield _handle(world, number, life, rules)
    yield from _commit(world, number, life, rules)
    if life.told < life.until_idle:
        yield _tell(world, number, life)
    yield from _drain(world, number, life)


def _load(world: World, number: int, life: Life) -> Step:
    """The claim is granted; the state is read after it."""
    node, log = world.nodes[number], world.stored.log
    loaded = Life(life.epoch, life.version, log, len(log), len(log), len(log))
    owning = node._replace(state=next_state(node.state, Change.GRANT), life=loaded)
    return Step(f"{number} is granted and reads", world.with_node(number, owning))


def _handle(world: World, number: int, life: Life, rules: Rules) -> Step:
    op = world.attempted
    assert life.log is not None
    log = (*life.log, op)
    until_idle = life.until_idle if rules.has_gate else len(log)
    after = world._replace(attempted=op + 1)
    return Step(
        f"{number} handles {op}",
        after.with_life(number, life._replace(log=log, until_idle=until_idle)),
    )


def _commit(world: World, number: int, life: Life, rules: Rules) -> Iterator[Step]:
    """One commit at a time; what is handled meanwhile waits for the next one."""
    flight = life.flight
    assert life.log is not None
    if flight is None:
        if life.stored < len(life.log):
            taken = life._replace(flight=Flight(len(life.log), None))
            yield Step(f"{number} commits", world.with_life(number, taken))
    elif flight.answer is None:
        yield from _write(world, number, life, flight, rules)
    elif flight.answer is Verdict.LOST:
        yield _lose(world, number, "by the fence")
    else:
        until_idle = life._replace(
            version=life.version + 1,
            stored=flight.end,
            until_idle=max(life.until_idle, flight.end),
            flight=None,
        )
        yield Step(f"{number} hears of it", world.with_life(number, until_idle))


def _write(
    world: World, number: int, life: Life, flight: Flight, rules: Rules
) -> Iterator[Step]:
    """The database carries a commit out; its reply comes, or is lost."""
    row, _, journal = world.stored
    assert life.log is not None
    verdict = rules.judge(row, _id(number), _room_commit(life.epoch, life.version))
    if verdict is Verdict.WRITE:
        written_by = _room_commit(life.epoch, life.version).id
        bumped = Row(row.owner, row.epoch, row.version + 1, written_by)
        added = journal + life.log[life.stored : flight.end]
        written = Stored(bumped, life.log[: flight.end], added)
        world = world._replace(stored=written)
        yield Step(f"the commit of {number} is written, the reply is lost", world)
    answered = life._replace(flight=Flight(flight.end, verdict))
    name = f"the commit of {number}: {verdict.name}"
    yield Step(name, world.with_life(number, answered))


def _tell(world: World, number: int, life: Life) -> Step:
    """One turn's outputs leave: the sender's acknowledgement, everyone's broadcast."""
    assert life.log is not None
    op = life.log[life.told]
    told = world._replace(acknowledged=world.acknowledged | {op})
    told = told.with_link(life.epoch, (*world.links[life.epoch - 1], op))
    return Step(
        f"{number} tells of {op}",
        told.with_life(number, life._replace(told=life.told + 1)),
    )


def _drain(world: World, number: int, life: Life) -> Iterator[Step]:
    """A planned end: no further event, everything told, then the row is free."""
    node = world.nodes[number]
    if node.state is State.OWNED:
        draining = node._replace(state=next_state(node.state, Change.DRAIN))
        yield Step(f"{number} drains", world.with_node(number, draining))
    elif life.log is not None and life.told == len(life.log):
        absent = next_state(node.state, Change.RELEASE)
        # The row still names it, and it may claim once more.
        yield Step(f"{number} cannot release", _without_room(world, number, absent))
        row = world.stored.row
        if row.owner == _id(number) and row.epoch == life.epoch:
            stored = world.stored._replace(row=Row(None, row.epoch, row.version))
            released = world._replace(stored=stored)
            yield Step(f"{number} releases", _without_room(released, number, absent))


def _deliver(world: World, rules: Rules) -> Iterator[Step]:
    """The client's gateway takes the next output of an owner."""
    newest = max((epoch for epoch, _ in world.view), default=0)
    for epoch, link in enumerate(world.links, 1):
        if not link:
            continue
        op, *rest = link
        after = world.with_link(epoch, tuple(rest))
        if epoch < newest and rules.has_filter:
            yield Step(f"the gateway drops {op}", after)
        else:
            seen = after._replace(view=(*world.view, (epoch, op)))
            yield Step(f"the client sees {op} of epoch {epoch}", seen)


def _without_room(world: World, number: int, state: State) -> World:
    node = Node(is_alive=world.nodes[number].is_alive, state=state)
    return world.with_node(number, node)


@cache
def _id(number: int) -> UUID:
    return UUID(int=number)


@cache
def _room_commit(epoch: int, version: int) -> RoomCommit:
    key = RoomKey("ledger", "model")
    claim = Claim(key=key, record=1, epoch=epoch, version=version)
    return RoomCommit(claim=claim, version=version, writes=WriteSet())

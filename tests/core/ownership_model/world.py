"""What there is: the database, the nodes, what is on its way, what was seen."""

from typing import Any, NamedTuple

from partyrooms.runtime.ownership import State
from partyrooms.store.fence import Row, Verdict

Op = int
"""One increment that a client asks for, once."""


class Stored(NamedTuple):
    """
    The database.

    Attributes:
        row: The part of the room's row that fences.
        log: What the room has put: every op, in the order of its turns.
        journal: What its turns have added to tables of the user's in the same
            transactions. A repeated put changes nothing; a repeated addition does.
    """

    row: Row
    log: tuple[Op, ...]
    journal: tuple[Op, ...]


class Flight(NamedTuple):
    """
    A commit under way.

    Attributes:
        end: How much of the life's log it stores.
        answer: What the database said; None: nothing yet, or the reply was lost.
    """

    end: int
    answer: Verdict | None


class Life(NamedTuple):
    """
    The room in one node's memory.

    Attributes:
        epoch: Under which it was claimed.
        version: What the row's version must be for the next commit.
        log: Every op; None: the claim's answer is still under way.
        stored: How many of them are known to be stored.
        settled: How many clients may be told of.
        told: How many they have been told of.
        flight: The commit under way.
    """

    epoch: int
    version: int
    log: tuple[Op, ...] | None = None
    stored: int = 0
    until_idle: int = 0
    told: int = 0
    flight: Flight | None = None


class Node(NamedTuple):
    """
    One life of a process.

    Attributes:
        is_running: It was not killed.
        is_alive: Its row says so.
        state: What it is to the room.
        looked_at: The row as it was before the claim.
        life: The room in its memory.
    """

    is_running: bool = True
    is_alive: bool = True
    state: State = State.ABSENT
    looked_at: Row | None = None
    life: Life | None = None


FRESH = Node()
"""It has done nothing yet."""

GONE = Node(is_running=False, is_alive=False)
"""It will never do anything again."""


class World(NamedTuple):
    """
    Everything.

    Attributes:
        stored: The database.
        nodes: The processes.
        owners: For each epoch the nodes that took it.
        links: For each epoch what its owner has sent and no gateway has taken yet: in
            order, while the links of two owners may overtake each other.
        attempted: How many ops clients have asked for.
        acknowledged: The ops whose sender was told.
        view: What a client has seen, in order: epochs and ops.
    """

    stored: Stored
    nodes: tuple[Node, ...]
    owners: tuple[tuple[int, ...], ...]
    links: tuple[tuple[Op, ...], ...]
    attempted: int = 0
    acknowledged: frozenset[Op] = frozenset()
    view: tuple[tuple[int, Op], ...] = ()

    def with_node(self, number: int, node: Node) -> "World":
        """The same, but for one node."""
        if not node.is_alive and (node.life is None or not node.is_running):
            node = GONE
        return self._replace(nodes=_replaced(self.nodes, number, node))

    def with_life(self, number: int, life: Life) -> "World":
        """The same, but for the life of the room at one node."""
        return self.with_node(number, self.nodes[number]._replace(life=life))

    def with_link(self, epoch: int, link: tuple[Op, ...]) -> "World":
        """The same, but for what is on its way from one owner."""
        return self._replace(links=_replaced(self.links, epoch - 1, link))

    def with_owner(self, epoch: int, number: int) -> "World":
        """The same, but an epoch was taken by one node more."""
        owners = (*self.owners[epoch - 1], number)
        return self._replace(owners=_replaced(self.owners, epoch - 1, owners))


def first_world(*, nodes: int, epochs: int) -> World:
    """Nothing has happened yet."""
    return World(
        Stored(Row(None, 0, 0), (), ()),
        (FRESH,) * nodes,
        ((),) * epochs,
        ((),) * epochs,
    )


def find_violation(world: World) -> str | None:
    """Which promise a world breaks; None: it keeps all of them."""
    log, journal = world.stored.log, world.stored.journal
    if lost := world.acknowledged - set(log):
        return f"acknowledged but not stored: {sorted(lost)}"
    if len(set(journal)) < len(journal):
        return f"applied twice: {journal}"
    if unstored := [op for _, op in world.view if op not in log]:
        return f"seen but not stored: {unstored}"
    epochs = [epoch for epoch, _ in world.view]
    if epochs != sorted(epochs):
        return f"a lower epoch seen after a higher one: {world.view}"
    seen = [log.index(op) for _, op in world.view]
    if seen != sorted(seen):
        return f"seen in another order than stored: {world.view}"
    for epoch, owners in enumerate(world.owners, 1):
        if len(owners) > 1:
            return f"epoch {epoch} taken by nodes {owners}"
    return None


def _replaced(items: tuple[Any, ...], at: int, item: Any) -> tuple[Any, ...]:
    return (*items[:at], item, *items[at + 1 :])

"""
The way to a room beside a simple reference, whatever happens at each of its steps.

A room runs in one of two workers, its clients are at two processes without rooms.
Stores and the layer take time, fail and lose answers; leases end; owners rest, restart
and die. The clock jumps, so that an example takes no time of its own.
"""

import asyncio
import itertools
import logging
import math
from contextlib import suppress
from functools import partial
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from partyrooms.core.values import decode
from partyrooms.exceptions import PartyroomsError
from partyrooms.nodes.lease import Lease
from tests.cluster.course import (
    CAN_FAIL,
    CUT,
    KEY,
    STEPS,
    Client,
    FaultyStore,
    counts_of,
)
from tests.cluster.lossy import LossyLayer
from tests.cluster.world import LayerWorld, ask
from tests.quick_loop import QuickLoop

PLACES = st.integers(0, 3)
"""Two processes without rooms, then the two workers."""

SHORT = st.sampled_from([0.0, 0.01, 0.1, 0.5])
LONG = st.sampled_from([0.5, 2.0, 4.0])
KINDS = st.sampled_from(["say", "store", "tell", "sync"])


class WayToARoom(RuleBasedStateMachine):
    """Clients, workers and faults; the reference is in the clients."""

    def __init__(self):
        super().__init__()
        self.loop = QuickLoop()
        self.number, self.doubtful_until = itertools.count(1), 0.0
        self.clients, self.asked, self.tasks, self.leases = [], [], set(), {}

    def run(self, awaitable):
        return self.loop.run_until_complete(awaitable)

    def do(self, function, *args):
        """Call a function on the loop."""

        async def call():
            return function(*args)

        return self.run(call())

    def spawn(self, coroutine, node=None):
        """Begin a task, which ends with a process."""
        task = (
            self.loop.create_task(coroutine) if node is None else node.spawn(coroutine)
        )
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    @initialize()
    def begin(self):
        self.run(self._begin())

    async def _begin(self):
        self.faults = {}
        self.layer = LossyLayer(0, is_fair=True)
        self.layer.capacity = 10_000
        store = partial(FaultyStore, self.faults)
        self.world = LayerWorld(
            self.layer, store, self.loop.time, lambda: UUID(int=next(self.number))
        )
        self.nodes = [await self._node(takes_rooms=n > 1) for n in range(4)]

    async def _node(self, *, takes_rooms):
        lease, self.world.tables.available = Lease(self.loop.time), True
        node = await self.world.node(
            takes_rooms=takes_rooms,
            lease=lease,
            heartbeat_interval=0.5,
            hibernate_after=30.0,
        )
        self.leases[node] = lease
        node.spawn(node.rooms.keep_sweeping())
        return node

    def owners(self):
        """Processes in which the room is in memory; a replaced one may be among."""
        return [one for one in self.nodes if one.worker(KEY).life is not None]

    def hear(self):
        for client in self.clients:
            client.hear()

    def excuse(self, why, of=None):
        """Some sockets may be closed from now on: those of a node, or all."""
        for client in self.clients:
            if of is None or client.node is of:
                client.excuse = client.excuse or why

    def doubt(self, why):
        """All sockets may be closed from now on, and for a while those that come."""
        self.excuse(why)
        self.doubtful_until = self.loop.time() + 10

    # Time, and what it brings to the store, the layer and leases

    @rule(seconds=SHORT | LONG)
    def time_passes(self, seconds):
        self.run(asyncio.sleep(seconds))
        self.do(self.hear)

    @rule(
        step=st.sampled_from(STEPS),
        when=st.sampled_from(["before", "after"]),
        how=st.sampled_from([None, 0.05, 0.5]),
    )
    def a_call_of_the_store_has_a_fault(self, step, when, how):
        if how is not None or step in CAN_FAIL:
            self.faults[step] = (when, how)

    @rule(seconds=LONG)
    def the_store_is_away(self, seconds):
        self.doubt("a room that starts while the store is away gives up what waits")
        self.world.tables.available = False
        self.loop.call_later(seconds, setattr, self.world.tables, "available", True)

    @rule(seconds=LONG, n=st.integers(2, 3))
    def a_lease_is_over(self, seconds, n):
        lease = self.leases[self.nodes[n]]
        lease.extend(-math.inf)
        self.loop.call_later(seconds, lease.extend, math.inf)

    @rule(what=st.sampled_from(["is_away", "is_deaf"]), seconds=SHORT)
    def the_layer_is_away(self, what, seconds):
        setattr(self.layer, what, True)
        self.loop.call_later(seconds, setattr, self.layer, what, False)

    # What clients do

    @rule(n=st.integers(0, 1))
    def a_client_comes(self, n):
        client = self.do(Client, self.nodes[n], f"c{next(self.number)}")
        if self.loop.time() < self.doubtful_until:
            client.excuse = "it came shortly after"
        self.clients.append(client)

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), kinds=st.lists(KINDS, min_size=1, max_size=3))
    def a_client_says(self, data, kinds):
        client = data.draw(st.sampled_from(self.clients))
        self.do(self._say, client, [f"{kind} {next(self.number)}" for kind in kinds])

    def _say(self, client, messages):
        client.hear()
        if client.is_open:
            for message in messages:
                client.send(message)

    @precondition(lambda self: self.clients)
    @rule(data=st.data())
    def a_client_says_what_cannot_be_sent(self, data):
        client = data.draw(st.sampled_from(self.clients))
        self.do(self._say_in_vain, client)

    def _say_in_vain(self, client):
        client.hear()
        if client.is_open:
            client.excuse = "it said what cannot be sent"
            client.socket.send(f"say {CUT}")

    @precondition(lambda self: self.clients)
    @rule(data=st.data())
    def a_client_leaves(self, data):
        self.do(data.draw(st.sampled_from(self.clients)).leave)

    @rule(n=PLACES)
    def somebody_asks(self, n):
        key, node = f"asked {next(self.number)}", self.nodes[n]
        self.asked.append((key, self.spawn(ask(node, KEY, text=key), node)))

    @rule(n=PLACES)
    def somebody_asks_what_cannot_be_sent(self, n):
        self.do(self._ask_in_vain, self.nodes[n])

    def _ask_in_vain(self, node):
        reply = node.cluster.inbox(KEY).call("info", {"x": CUT})
        self.spawn(asyncio.wait([reply]), node)

    # What becomes of owners

    @rule()
    def the_room_rests(self):
        self.do(self._rest)

    def _rest(self):
        for node in self.owners():
            self.spawn(node.worker(KEY).stop(None))

    @rule(n=st.integers(2, 3))
    def a_worker_restarts(self, n):
        self.run(self._restart(n))

    async def _restart(self, n):
        node, self.nodes[n] = self.nodes[n], await self._node(takes_rooms=True)
        self.excuse("its process has ended", of=node)
        self.spawn(self._end(node))

    async def _end(self, node):
        await node.close()
        self.world.nodes.remove(node)

    # One at a time: the next owner is to have found out what the last one did.
    @precondition(lambda self: self.loop.time() >= self.doubtful_until)
    @rule(n=st.integers(2, 3))
    def a_worker_dies_at_work(self, n):
        self.doubt("an owner was killed")
        self.run(self._kill(n))

    @rule()
    def an_owner_dies_at_rest(self):
        """Nothing is under way, so nothing is lost; the next owner has its time."""
        self.run(self._kill_at_rest())

    async def _kill_at_rest(self):
        await self._settle()
        for node in self.owners():
            await self._kill(self.nodes.index(node))
        await asyncio.sleep(10)

    @precondition(lambda self: not self.clients)
    @rule(n=st.integers(2, 3))
    def an_owner_dies_that_was_asked_before_a_client_came(self, n):
        self.somebody_asks(n)
        self.time_passes(0.5)
        self.a_client_comes(0)
        self.an_owner_dies_at_rest()

    async def _kill(self, n):
        node = self.nodes[n]
        self.excuse("its process was killed", of=node)
        await self.world.kill(node)
        for client in self.clients:
            client.has_left |= client.node is node
        self.nodes[n] = await self._node(takes_rooms=True)

    # Courses that chance alone takes seldom

    @precondition(lambda self: self.clients)
    @rule(n=st.integers(2, 3))
    def a_room_wakes_while_a_client_looks_for_it(self, n):
        self.the_room_rests()
        self.time_passes(0.5)
        self.faults["locate"] = ("after", 0.5)
        self.do(self._say, self.clients[-1], [f"say {next(self.number)}"])
        self.time_passes(0.1)
        self.somebody_asks(n)
        self.time_passes(2.0)

    @precondition(lambda self: self.clients)
    @rule()
    def a_room_rests_while_its_lease_is_over(self):
        self.time_passes(0.5)
        self.the_store_is_away(0.5)
        self.do(self._say, self.clients[-1], [f"store {next(self.number)}"])
        self.time_passes(0.1)
        self.the_room_rests()
        for n in (2, 3):
            self.a_lease_is_over(2.0, n)
        self.time_passes(4.0)

    # The end

    async def _settle(self):
        """Let faults pass, and everything come that is on its way."""
        self.faults.clear()
        async with asyncio.timeout(60):
            with suppress(TimeoutError):
                await asyncio.sleep(5)
            while self._is_busy():  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await asyncio.sleep(1)

    def _is_busy(self):
        routes = [
            route
            for node in self.nodes
            if (route := node.cluster._routes.get(KEY)) is not None
        ]
        is_told = all(one.has_all() for one in self.clients)
        return (
            not is_told
            or self.tasks
            or any(one.queue.unhandled or one.queue.waiting for one in routes)
        )

    def teardown(self):
        try:
            if hasattr(self, "nodes"):
                self.run(self._check())
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            with suppress(AssertionError):
                self.run(asyncio.sleep(0.1))
            self.loop.close()

    async def _check(self):
        try:
            await self._settle()
        except TimeoutError:
            waiting = [one.describe() for one in self.clients if not one.has_all()]
            raise AssertionError(f"not told: {waiting}, {self.tasks}") from None
        stored = counts_of(self.world.tables.room(KEY)[1].entries, decode)
        for client in self.clients:
            client.check(stored, stored["tells"])
        for key, asked in self.asked:
            with suppress(PartyroomsError, asyncio.CancelledError):
                assert (await asked).status != 200 or stored[key] == 1
            assert stored[key] <= 1


@pytest.fixture
def quiet():
    """Nobody reads of what was asked for."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("quiet")
def test_d4_no_course_of_owners_breaks_what_clients_are_promised():
    """D3, D4, D5, D6, R13: told once, in order, and no code without a reason."""
    run_state_machine_as_test(
        WayToARoom,
        settings=settings(max_examples=30, stateful_step_count=25, derandomize=True),
    )

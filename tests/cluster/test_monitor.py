"""Which processes are alive, as one that is linked with them finds out."""

import logging
import os
from types import SimpleNamespace
from uuid import uuid4

import pytest

from partyrooms.cluster.monitor import MISSES, Monitor
from partyrooms.exceptions import StoreUnavailable
from partyrooms.nodes.process import host
from partyrooms.ports.records import Place

HEARTBEAT = 2.0
"""Seconds on the fake clock."""

NO_PROCESS = 2**22 + 1
"""More than Linux gives to any process."""


class World:
    """A clock, a store that lists places, and links; each reading is counted."""

    def __init__(self):
        self.now = 0.0
        self.listed = []
        self.readings = 0
        self.is_away = False
        self.links = {}
        environment = SimpleNamespace(
            clock=lambda: self.now,
            settings=SimpleNamespace(heartbeat_interval=HEARTBEAT),
            store=SimpleNamespace(places=self._places),
        )
        transport = SimpleNamespace(links=self.links, bury=self._bury)
        self.monitor = Monitor(environment, transport)

    def link(self, *, is_listed, **values):
        """A link with another process, which the store lists or does not."""
        place = Place(node=uuid4(), channel="other", **values)
        link = SimpleNamespace(node=place.node.bytes)
        self.links[link.node] = link
        if is_listed:
            self.listed.append(place)
        return link

    async def _places(self):
        self.readings += 1
        if self.is_away:
            raise StoreUnavailable("The database is away.")
        return list(self.listed)

    def _bury(self, link):
        del self.links[link.node]


@pytest.fixture
def world():
    return World()


async def test_a_process_that_is_not_listed_any_more_is_dead(world):
    """D5: on another host its pid says nothing; one miss may be a new process."""
    link = world.link(is_listed=False)

    for missed in range(1, MISSES + 1):
        world.now += HEARTBEAT
        await world.monitor.look()
        assert (link.node in world.links) == (missed < MISSES)


async def test_a_process_of_this_host_that_has_ended_is_dead_at_once(world):
    """D5: nobody waits for a heartbeat that does not come."""
    gone = world.link(is_listed=True, host=host(), pid=NO_PROCESS, pid_started="1")
    alive = world.link(is_listed=True, host=host(), pid=os.getpid())
    elsewhere = world.link(is_listed=True, host="elsewhere", pid=NO_PROCESS)

    await world.monitor.look()

    assert world.links == {alive.node: alive, elsewhere.node: elsewhere}
    assert gone.node not in world.links


async def test_an_unknown_process_is_looked_up_once(world):
    """One that is not listed yet costs no query with every look."""
    world.link(is_listed=False)

    for _ in range(5):
        await world.monitor.look()

    assert world.readings == 1


async def test_a_store_that_is_away_is_logged_once(world, caplog):
    """And nobody is taken for dead because the store does not answer."""
    link = world.link(is_listed=True, host="elsewhere")
    world.is_away = True

    with caplog.at_level(logging.WARNING, logger="partyrooms.cluster"):
        for _ in range(5):
            world.now += HEARTBEAT
            await world.monitor.look()

    assert [one.action for one in caplog.records] == ["nodes_unknown"]
    assert world.links == {link.node: link}

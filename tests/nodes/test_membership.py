"""Nodes: registered, renewed, watched, and known to be dead."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import contextmanager
from uuid import uuid4

import pytest
from django.db import OperationalError, connections

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomUnreachable
from partyrooms.models import Node, RoomRecord
from partyrooms.nodes.death import declare_dead, is_gone
from partyrooms.nodes.heartbeat import Heartbeat
from partyrooms.nodes.lease import Lease
from partyrooms.nodes.membership import Membership
from partyrooms.nodes.process import host, is_process_gone, start_mark
from partyrooms.store.database import DatabaseStore
from tests.deadline import DEADLINE

LOBBY = RoomKey("chat", "lobby")

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def running(interval=0.02, lease_ttl=60.0):
    """A registered membership whose callbacks set events."""
    lease = Lease()
    membership = Membership(
        uuid4(),
        database="default",
        heartbeat_interval=interval,
        lease_ttl=lease_ttl,
        on_lease=lease.extend,
    )
    membership.lease = lease
    membership.stops, membership.stopped = [], threading.Event()
    membership.lost = threading.Event()

    def on_stop_request(records):
        membership.stops.append(records)
        membership.stopped.set()

    membership.start_heartbeat(on_stop_request, membership.lost.set)
    membership.register()
    try:
        yield membership
    finally:
        membership.close()


def row(membership):
    return Node.objects.get(pk=membership.node_id)


@contextmanager
def child():
    """Another process of this machine, ready when its first line is read."""
    process = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def node_of(process, **fields):
    return Node.objects.create(
        **{
            "host": host(),
            "pid": process.pid,
            "pid_started": start_mark(process.pid),
            **fields,
        }
    )


def test_registering_makes_one_row_and_closing_removes_it():
    """register() is idempotent, and so is close()."""
    with running(interval=60.0) as membership:
        membership.register()
        node = row(membership)
    membership.close()

    assert (node.pid, node.host, node.state) == (os.getpid(), host(), "alive")
    assert not Node.objects.exists()


def test_registering_again_after_a_lost_answer():
    """The row was made, but nobody heard so."""
    membership = Membership(
        uuid4(), database="default", heartbeat_interval=60.0, lease_ttl=300.0
    )
    Node.objects.create(pk=membership.node_id, host=host(), pid=os.getpid())

    membership.register()
    membership.close()

    assert not Node.objects.exists()


def test_a_closed_directory_registers_no_more():
    """Its node's life is over."""
    with running() as membership:
        pass

    with pytest.raises(RuntimeError, match="closed"):
        membership.register()


def test_the_heartbeat_renews_the_row(wait_for):
    """The counter rises by itself."""
    with running() as membership:
        wait_for(lambda: row(membership).heartbeat >= 3)


def test_the_heartbeat_waits_for_the_row(wait_for):
    """start_heartbeat() before register() loses nothing."""
    membership = Membership(
        uuid4(), database="default", heartbeat_interval=0.02, lease_ttl=60.0
    )
    lost = threading.Event()
    membership.start_heartbeat(lambda records: None, lost.set)
    try:
        membership.register()
        wait_for(lambda: row(membership).heartbeat)
    finally:
        membership.close()

    assert not lost.is_set()


def test_stop_requests_for_own_rooms_are_handed_over():
    """Other nodes' rooms are none of its business."""
    with running() as membership:
        stranger = Node.objects.create(host="elsewhere", pid=1)
        own = RoomRecord.objects.create(
            party="chat", room_id="a", owner_id=membership.node_id, stop_requested=True
        )
        RoomRecord.objects.create(
            party="chat", room_id="b", owner_id=membership.node_id
        )
        RoomRecord.objects.create(
            party="chat", room_id="c", owner=stranger, stop_requested=True
        )

        assert membership.stopped.wait(DEADLINE)
    assert membership.stops[0] == [own.pk]


@pytest.mark.parametrize(
    "end", [lambda nodes: nodes.update(state="dead"), lambda nodes: nodes.delete()]
)
def test_a_node_whose_row_is_dead_or_gone_is_told_so(end):
    """It stops its rooms at its next heartbeat."""
    with running() as membership:
        end(Node.objects.filter(pk=membership.node_id))

        assert membership.lost.wait(DEADLINE)


def test_a_node_that_cannot_renew_may_not_act(monkeypatch, wait_for):
    """Also when the query neither fails nor returns; but it keeps its rooms."""
    hanging, release = threading.Event(), threading.Event()

    def hang(self):
        hanging.set()
        release.wait(DEADLINE)
        raise OperationalError("cut off")

    monkeypatch.setattr(Heartbeat, "_poll", hang)
    try:
        with running(lease_ttl=0.5) as membership:
            assert membership.lease.holds()
            assert hanging.wait(DEADLINE)
            wait_for(lambda: not membership.lease.holds())
            assert not membership.lost.is_set()
            release.set()
    finally:
        release.set()


def test_a_database_error_is_survived(monkeypatch, wait_for):
    """The next heartbeat tries again, on a new connection."""
    renew, failed = Heartbeat._renew, threading.Event()

    def fail_once(self):
        if not failed.is_set():
            failed.set()
            raise OperationalError("gone for a moment")
        return renew(self)

    monkeypatch.setattr(Heartbeat, "_renew", fail_once)
    with running() as membership:
        wait_for(lambda: row(membership).heartbeat)

    assert failed.is_set()
    assert not membership.lost.is_set()


def test_a_silent_node_of_another_host_is_declared_dead(wait_for):
    """Its counter stood still for a lease, by the observer's clock."""
    silent = Node.objects.create(host="elsewhere", pid=1)
    with running(interval=0.1, lease_ttl=1.0):
        wait_for(lambda: Node.objects.get(pk=silent.pk).state == "dead")


def test_a_killed_process_is_declared_dead_without_waiting_for_its_lease(wait_for):
    """Same host: the pid is looked at, long before the lease ends."""
    with child() as process, running(lease_ttl=3600.0):
        node = node_of(process)
        process.kill()

        wait_for(lambda: Node.objects.get(pk=node.pk).state == "dead")


def test_r40_whoever_registers_declares_the_killed_processes_of_its_host_dead():
    """R40: before its first heartbeat, for alarms of their rooms may be due."""
    elsewhere = Node.objects.create(host="elsewhere", pid=1)
    with child() as process, child() as living:
        gone, alive = node_of(process), node_of(living)
        process.kill()
        process.wait()

        with running(interval=3600.0, lease_ttl=10800.0) as membership:
            membership.register()
            states = {node.pk: node.state for node in Node.objects.all()}

    assert states[gone.pk] == "dead"
    assert {states[elsewhere.pk], states[alive.pk]} == {"alive"}
    assert states[membership.node_id] == "alive"


def test_a_node_that_renewed_meanwhile_is_not_declared_dead():
    """The death is conditional on the heartbeat that was judged."""
    node = Node.objects.create(host="elsewhere", pid=1)
    Node.objects.filter(pk=node.pk).update(heartbeat=1)

    assert not declare_dead(node, database="default")
    assert declare_dead(Node.objects.get(pk=node.pk), database="default")


def test_dead_nodes_that_own_nothing_are_removed():
    """By the next node that registers; owners stay, for their rooms name them."""
    Node.objects.create(host="elsewhere", pid=1, state="dead")
    owner = Node.objects.create(host="elsewhere", pid=2, state="dead")
    RoomRecord.objects.create(party="chat", room_id="a", owner=owner)

    with running() as membership:
        assert {*Node.objects.values_list("pk", flat=True)} == {
            owner.pk,
            membership.node_id,
        }


def test_a_process_is_gone_once_it_is_killed():
    """Before its parent has noticed (a zombie) and after."""
    with child() as process:
        node = node_of(process)
        before = is_gone(node)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        as_zombie = is_gone(node)
        process.wait()

        assert (before, as_zombie, is_gone(node)) == (False, True, True)


def test_another_process_with_the_same_pid_is_not_the_one_that_was():
    """The start mark tells them apart; without one nothing is certain."""
    with child() as process:
        assert is_process_gone(process.pid, "1")
        assert not is_process_gone(process.pid, "")


def test_a_node_of_another_host_is_never_gone():
    """A pid means nothing there."""
    with child() as process:
        node = node_of(process, host="elsewhere")
        process.kill()
        process.wait()

        assert not is_gone(node)


async def test_a_node_of_this_process_is_gone_when_its_loop_is_closed():
    """The pid lives on; the loop does not."""

    def live_and_leave():
        async def main():
            membership = Membership(
                uuid4(), database="default", heartbeat_interval=60.0, lease_ttl=300.0
            )
            await asyncio.to_thread(in_thread, membership.register)
            node = await asyncio.to_thread(in_thread, lambda: row(membership))
            return node, is_gone(node)

        return asyncio.run(main())

    node, while_running = await asyncio.to_thread(live_and_leave)

    assert (while_running, is_gone(node)) == (False, True)


async def test_the_heartbeat_ends_with_its_loop():
    """Nobody called close(): the thread must not renew for ever."""

    earlier = threading.enumerate()  # as the loop of Django's test client

    def live_and_leave():
        async def main():
            membership = Membership(
                uuid4(), database="default", heartbeat_interval=0.02, lease_ttl=300.0
            )
            membership.start_heartbeat(lambda records: None, lambda: None)
            await asyncio.to_thread(in_thread, membership.register)
            return [
                thread
                for thread in threading.enumerate()
                if thread.name.startswith("partyrooms-") and thread not in earlier
            ]

        return asyncio.run(main())

    threads = await asyncio.to_thread(live_and_leave)
    for thread in threads:
        await asyncio.to_thread(thread.join, DEADLINE)

    assert threads
    assert not any(thread.is_alive() for thread in threads)


OWNER = """
import asyncio, sys, uuid, django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["partyrooms"], USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3",
        "NAME": sys.argv[1], "OPTIONS": {"transaction_mode": "IMMEDIATE"}}},
)
django.setup()
from partyrooms.core.keys import RoomKey
from partyrooms.nodes.membership import Membership
from partyrooms.store.database import DatabaseStore

async def main():
    store = DatabaseStore(Membership(
        uuid.uuid4(), database="default", heartbeat_interval=2.0, lease_ttl=3600.0))
    print((await store.claim(RoomKey("chat", "lobby"))).epoch, flush=True)
    await asyncio.to_thread(input)

asyncio.run(main())
"""


async def test_s8_a_killed_servers_rooms_are_taken_over_at_once():
    """S8: refused while it lives, with its pid; claimed as soon as it is killed."""
    database = connections["default"].settings_dict["NAME"]
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(database)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    store = DatabaseStore(
        Membership(
            uuid4(), database="default", heartbeat_interval=2.0, lease_ttl=3600.0
        )
    )
    try:
        first = await asyncio.wait_for(owner.stdout.readline(), DEADLINE)
        with pytest.raises(RoomUnreachable) as refused:
            await store.claim(LOBBY)
        owner.kill()
        await owner.wait()
        claim = await store.claim(LOBBY)
    finally:
        if owner.returncode is None:
            owner.kill()
            await owner.wait()
        await store.close()

    assert first == b"1\n"
    assert f"process {owner.pid}" in str(refused.value)
    assert "--workers 1" in str(refused.value)
    assert claim.epoch == 2


def in_thread(work):
    """Run database work where its connection is closed afterwards."""
    try:
        return work()
    finally:
        connections.close_all()


@contextmanager
def locked():
    """The database file, with its lock held by somebody else."""
    path = connections["default"].settings_dict["NAME"]
    holder = sqlite3.connect(path, isolation_level=None, uri=True)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.close()


@pytest.mark.parametrize("is_stopped", [True, False])
def test_d5_a_stopped_process_is_named_where_the_lock_is_held(
    is_stopped, caplog, wait_for
):
    """D5: the log says what to do; the process is let live, and so is any other."""
    with child() as process, running() as membership:
        node = node_of(process)
        if is_stopped:
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
        wait_for(lambda: row(membership).heartbeat)

        with locked():
            wait_for(lambda: "renewal_failed" in actions(caplog))
            wait_for(lambda: not is_stopped or "stopped_process" in actions(caplog))
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=DEADLINE)

    named = [line.getMessage() for line in caplog.records if of_stopped(line)]
    assert bool(named) == is_stopped
    for text in named:
        assert f"Process {process.pid} (node {node.pk}) is stopped" in text
        assert f"kill -CONT {process.pid}" in text
        assert f"kill -9 {process.pid}" in text
    assert process.returncode >= 0  # It missed the line that it waits for.


def of_stopped(line):
    return getattr(line, "action", "") == "stopped_process"


def actions(caplog):
    return {getattr(line, "action", "") for line in caplog.records}

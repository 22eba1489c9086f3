"""One writer at a time, in order; a heartbeat comes before all that wait."""

import threading

import pytest
from django.db import connections, transaction

from partyrooms.models import Node
from partyrooms.nodes.writers import Writer, writing
from tests.deadline import DEADLINE
from tests.nodes.test_membership import row, running


def queue_up(writer, names, order, wait_for):
    threads = []
    for name in names:

        def work(name=name):
            with writer.alone(is_urgent=name == "heartbeat"):
                order.append(name)

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        wait_for(lambda: len(writer._waiting) == len(threads))
    return threads


def test_inv1_writers_have_their_turn_in_order(wait_for):
    """Invariant 1's heartbeat comes first; nobody else overtakes."""
    writer, order = Writer(), []

    with writer.alone():
        threads = queue_up(
            writer, ["one", "two", "heartbeat", "three"], order, wait_for
        )
    for thread in threads:
        thread.join(DEADLINE)

    assert order == ["heartbeat", "one", "two", "three"]


def test_a_writer_that_raises_lets_the_next_one_write():
    """The lock is free after an error."""
    writer = Writer()

    with pytest.raises(ValueError, match="mine"), writer.alone():
        raise ValueError("mine")
    with writer.alone():
        pass


def test_a_thread_that_writes_may_write_within():
    """A claim registers its node on the way: it does not wait for itself."""
    writer, done = Writer(), threading.Event()

    def write():
        with writer.alone(), writer.alone():
            pass
        done.set()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()

    assert done.wait(DEADLINE)
    with writer.alone():
        pass


@pytest.mark.django_db(transaction=True)
def test_d9_a_heartbeat_has_its_turn_among_writers_of_its_process(caplog, wait_for):
    """D9: however much is started and stored, the lease is renewed."""
    stop = threading.Event()

    def keep_writing():
        while not stop.is_set():
            with writing("default"), transaction.atomic():
                Node.objects.filter(host="nowhere").update(pid=1)
                stop.wait(0.05)
        connections.close_all()

    threads = [threading.Thread(target=keep_writing) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        with running() as membership:
            wait_for(lambda: row(membership).heartbeat >= 10)
    finally:
        stop.set()
        for thread in threads:
            thread.join(DEADLINE)

    assert [one for one in caplog.records if one.action == "renewal_failed"] == []

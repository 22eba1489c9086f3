"""Links: every message once and in order, whatever the layer does to it."""

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from partyrooms.core.reliable_link import (
    MAX_RESEND_AFTER,
    RESEND_SIZE,
    Receiver,
    Sender,
)


def sender(max_messages=1000, max_size=10**9):
    return Sender(max_messages=max_messages, max_size=max_size)


def test_items_come_out_in_the_order_of_their_numbers():
    """A message that overtook another one waits for it."""
    receiver = Receiver()

    early = receiver.receive(2, b"b")
    both = receiver.receive(1, b"a")

    assert (early, both) == ([], [b"a", b"b"])
    assert receiver.acknowledged == 2


def test_an_item_that_comes_twice_is_handed_on_once():
    """Sending again is harmless."""
    receiver = Receiver()
    receiver.receive(1, b"a")

    again = receiver.receive(1, b"a")

    assert again == []


def test_nothing_is_due_before_the_first_patience_is_over():
    """A message is sent again only half a second after it was sent."""
    link = sender()
    link.push(b"a", 10.0)

    assert link.due(10.4) == []
    assert link.due(10.5) == [(1, b"a")]


def test_patience_doubles_up_to_its_bound():
    """A peer that is away is asked less and less often, but never less than that."""
    link = sender()
    link.push(b"a", 0.0)

    times, now = [], 0.0
    while now < 12:
        now += 0.1
        if link.due(now):
            times.append(now)

    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) <= MAX_RESEND_AFTER + 0.11
    assert gaps == sorted(gaps) or max(gaps) - min(gaps[2:]) < 0.2


def test_d9_what_waits_is_due_when_the_way_is_open_again():
    """D9: at once, and then with the first patience."""
    link = sender()
    link.push(b"a", 0.0)
    now = 0.0
    while now < 10:
        now += 0.1
        link.due(now)

    link.hurry()

    assert link.due(now) == [(1, b"a")]
    assert link.due(now + 0.4) == []
    assert link.due(now + 0.5) == [(1, b"a")]


def test_an_acknowledgement_covers_everything_before_it():
    """Acknowledgements are cumulative, so losing one costs nothing."""
    link = sender()
    for message in (b"a", b"b", b"c"):
        link.push(message, 0.0)

    link.acknowledge(2, 0.1)

    assert link.due(1.0) == [(3, b"c")]


def test_an_old_acknowledgement_changes_nothing():
    """Acknowledgements may arrive out of order."""
    link = sender()
    for message in (b"a", b"b"):
        link.push(message, 0.0)
    link.acknowledge(2, 0.1)

    link.acknowledge(1, 0.2)

    assert link.due(9.0) == []


def test_only_so_much_is_sent_again_at_once():
    """A long backlog does not flood the layer that has just come back."""
    link = sender()
    for _ in range(10):
        link.push(b"x" * (RESEND_SIZE // 2), 0.0)

    assert [number for number, _ in link.due(1.0)] == [1, 2]


def test_the_window_is_full_at_its_items_and_at_its_bytes():
    """Both bounds hold back whoever pushes."""
    by_items, by_size = sender(max_messages=2), sender(max_size=10)
    by_items.push(b"a", 0.0)
    by_size.push(b"a" * 9, 0.0)
    before = by_items.is_full, by_size.is_full

    by_items.push(b"a", 0.0)
    by_size.push(b"a", 0.0)

    assert before == (False, False)
    assert (by_items.is_full, by_size.is_full) == (True, True)


def test_a_stall_is_counted_from_the_last_progress():
    """A peer that acknowledges slowly is not a dead one."""
    link = sender()
    link.push(b"a", 0.0)
    link.push(b"b", 1.0)
    link.acknowledge(1, 5.0)

    assert link.stalled(7.0) == 2.0
    link.acknowledge(2, 7.0)
    assert link.stalled(99.0) == 0.0


@given(st.integers(1, 60), st.integers(0, 2**32))
def test_a_lossy_layer_delivers_everything_once_and_in_order(count, seed):
    """Dropped, repeated and reordered messages cost time, never data."""
    link, receiver, random = sender(), Receiver(), Random(seed)  # noqa: S311
    sent = [b"%d" % number for number in range(count)]
    got, air, now, pushed = [], [], 0.0, 0

    while len(got) < count or link.stalled(now):
        now += 0.1
        if pushed < count and random.random() < 0.5:
            air.append((link.push(sent[pushed], now), sent[pushed]))
            pushed += 1
        air.extend(link.due(now))
        random.shuffle(air)
        for number, message in [air.pop() for _ in range(random.randint(0, len(air)))]:
            if random.random() < 0.3:
                continue
            copies = 2 if random.random() < 0.2 else 1
            for _ in range(copies):
                got.extend(receiver.receive(number, message))
        if random.random() < 0.5:
            link.acknowledge(receiver.acknowledged, now)

    assert got == sent

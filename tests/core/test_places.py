"""Who may put more into a mailbox: shares, and waiters in order."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from partyrooms.core.places import Places

CAPACITY = 6
SENDERS = 9


class Sender:
    """One socket, by what the mailbox knows of it."""

    def __init__(self, name=0):
        self.name = name
        self.waiting = 0


@pytest.mark.parametrize(
    ("capacity", "share"), [(1, 1), (3, 3), (20, 10), (1000, 10), (5000, 50)]
)
def test_a_share_is_a_hundredth_or_ten_events(capacity, share):
    """G6: small enough that one sender holds nobody up, never beyond the whole."""
    assert Places(capacity).share == share


def test_a_full_share_stops_its_sender_only():
    """G6: the others of the room are read on."""
    places = Places(1000)
    flood, other = Sender(), Sender()
    flood.waiting = places.share
    other.waiting = 1

    assert places.must_wait(flood, 11)
    assert not places.must_wait(other, 11)


def test_a_share_is_given_back_by_halves():
    """G6: who is woken has several events to put in: fewer wake-ups."""
    places = Places(1000)
    flood = Sender()
    flood.waiting = places.share
    places.hold(flood, "flood")

    given = []
    while flood.waiting:
        flood.waiting -= 1
        given.append((flood.waiting, places.has_share(flood)))

    assert [left for left, waiter in given if waiter] == [places.share // 2]


class Mailbox(RuleBasedStateMachine):
    """
    G6: a mailbox of six places, nine senders, and newcomers, in any order.

    The reference is the list of events: a sender that waits at the door has its place
    when its event is among the first six.
    """

    def __init__(self):
        super().__init__()
        self.places = Places(CAPACITY)
        self.senders = [Sender(number) for number in range(SENDERS)]
        self.events = []
        self.at_door = []
        self.held = set()
        self.gone = set()
        self.newcomers = 0
        self.made = 0

    @rule(number=st.integers(0, SENDERS - 1))
    def sends(self, number):
        """A sender that is being read puts an event in, and perhaps waits."""
        sender = self.senders[number]
        if sender in self.held | self.gone:
            return
        if any(one is sender for one, _ in self.at_door):
            return
        self.made += 1
        self.events.append((sender, self.made))
        sender.waiting += 1
        if self.places.must_wait(sender, len(self.events)):
            if len(self.events) > CAPACITY:
                self.at_door.append((sender, self.made))
                self.places.wait_at_door((sender, self.made))
            else:
                self.hold(sender)

    @rule()
    def comes_in_any_case(self):
        """An end, a timer: nobody waits with it."""
        self.made += 1
        self.events.append((None, self.made))

    @precondition(lambda self: len(self.events) >= CAPACITY)
    @rule()
    def newcomer_waits(self):
        self.made += 1
        self.newcomers += 1
        self.at_door.append((None, self.made))
        self.places.wait_as_newcomer((None, self.made))

    @precondition(lambda self: self.events)
    @rule()
    def one_is_handled(self):
        sender, _ = self.events.pop(0)
        share = None
        if sender is not None:
            sender.waiting -= 1
            share = self.places.has_share(sender)
        if share is not None:
            self.held.remove(sender)
        self.let_in()

    @precondition(lambda self: self.at_door)
    @rule(data=st.data())
    def gives_up(self, data):
        """A newcomer comes no more; a sender that waits for nothing has ended."""
        waiter = data.draw(st.sampled_from(self.at_door))
        self.at_door.remove(waiter)
        self.places.give_up(waiter)
        self.gone.add(waiter[0])
        if waiter[0] is None:
            self.newcomers -= 1
            self.places.newcomer_left()
            self.let_in()

    def let_in(self):
        """Those who have a place, in order: each has its event in, or puts it in."""
        for waiter in self.places.placed(len(self.events)):
            assert waiter == self.at_door.pop(0)
            sender, event = waiter
            if sender is None:
                self.newcomers -= 1
                self.places.newcomer_left()
                self.events.append(waiter)
            else:
                assert event not in [made for _, made in self.events[CAPACITY:]]
                if sender.waiting >= self.places.share:
                    self.hold(sender)

    def hold(self, sender):
        self.held.add(sender)
        self.places.hold(sender, sender)

    @invariant()
    def nothing_grows(self):
        own = Counter(sender for sender, _ in self.events if sender is not None)
        assert all(own[one] == one.waiting for one in self.senders)
        assert max(own.values(), default=0) <= self.places.share

    @invariant()
    def nobody_waits_for_a_free_place(self):
        assert len(self.at_door) <= max(0, len(self.events) + self.newcomers - CAPACITY)

    @invariant()
    def who_waits_is_known(self):
        assert self.places.is_awaited == bool(self.at_door or self.held)


TestMailbox = Mailbox.TestCase
TestMailbox.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)

"""What becomes of gateways whose owner died: exact where it can be, lost in doubt."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partyrooms.core.delivery_log import (
    Delivered,
    Progress,
    Received,
    ReceivedLog,
    SentLog,
)
from partyrooms.core.recovery import (
    RecoveryResult,
    decide,
    decode_progress,
    encode_progress,
)
from partyrooms.core.wire.codec import encode_message
from partyrooms.core.wire.to_gateway import Marked

GATEWAYS = (b"a", b"b", b"c")

EPOCH = 7


@dataclass
class Gateway:
    """What the model knows of one gateway: the truth, and its trail."""

    trail: ReceivedLog
    sent: int = 0
    way: list = field(default_factory=list)
    got: list = field(default_factory=list)

    def receive(self):
        """Take the next thing from the way; the layer keeps the order."""
        if not self.way:
            return
        kind, *what = self.way.pop(0)
        if kind == "joined":
            self.trail.begin(*what)
        elif kind == "mark":
            self.trail.mark(*what)
        else:
            self.got.append(what[0])
            self.trail.message()


class Owner:
    """
    A room's owner as the output gate makes it: turns, commits, outputs in order.

    ``turns`` is the truth: whose event each one handled, what it said to whom.
    """

    def __init__(self, names):
        self.tally = SentLog(EPOCH, names)
        self.gateways = {name: Gateway(ReceivedLog(1)) for name in names}
        self.turns = []
        self.held = []
        self.stored = None
        self.stored_turns = 0
        self.is_dirty = False
        for name, gateway in self.gateways.items():
            self.tally.enter(name, 1, 0)
            gateway.way.append(("joined", EPOCH))

    def turn(self, sender, said, writes):
        """Handle an event; ``said`` is how many messages each gateway is told."""
        number = len(self.turns) + 1
        said = {name: count for name, count in said.items() if count}
        self.turns.append((sender, said, writes))
        marks = self.tally.close(said.keys(), sender)
        self.held.append((number, said, marks))
        self.is_dirty = self.is_dirty or writes
        self.leave_gate()

    def commit(self):
        """Store what was written, and how far everybody is."""
        if self.is_dirty:
            self.is_dirty = False
            self.stored = self.tally.progress()
            self.stored_turns = len(self.turns)
            self.leave_gate()

    def leave_gate(self):
        """Let outputs go whose writes are stored."""
        written = [n for n, (_, _, writes) in enumerate(self.turns, 1) if writes]
        while self.held:
            number, said, marks = self.held[0]
            if any(self.stored_turns < one <= number for one in written):
                return
            self.held.pop(0)
            for name, mark in marks.items():
                way, count = self.gateways[name].way, said.get(name, 0)
                way.append(("mark", mark, count))
                way.extend(("item", (number, i)) for i in range(count))

    def end(self):
        """The last turn that anybody, the database included, has anything of."""
        got = [message[0] for one in self.gateways.values() for message in one.got]
        written = [
            n
            for n, (_, _, writes) in enumerate(self.turns[: self.stored_turns], 1)
            if writes
        ]
        return max([*got, *written, 0])


def steps():
    names = st.sampled_from(GATEWAYS)
    counts = st.fixed_dictionaries({name: st.integers(0, 2) for name in GATEWAYS})
    turn = st.tuples(st.just("turn"), st.none() | names, counts, st.booleans())
    other = st.tuples(st.just("commit")) | st.tuples(st.just("receive"), names)
    return st.lists(turn | other, max_size=40)


@given(steps())
@settings(max_examples=400)
def test_d5_nothing_is_lost_in_silence_and_nothing_happens_twice(history):
    """
    D5: whoever is not told of a loss has everything up to the end of the dead epoch.

    Its unhandled events are exactly those that no stored or seen turn has handled.
    """
    owner = Owner(GATEWAYS)
    for kind, *what in history:
        if kind == "receive":
            owner.gateways[what[0]].receive()
        else:
            getattr(owner, kind)(*what)

    received = {name: one.trail.received() for name, one in owner.gateways.items()}
    until_idle = decide(owner.stored, received, is_complete=True)

    end = owner.end()
    for name, gateway in owner.gateways.items():
        due = [
            (number, i)
            for number, (_, said, _) in enumerate(owner.turns[:end], 1)
            for i in range(said.get(name, 0))
        ]
        if until_idle[name].is_lost:
            continue
        assert gateway.got == due
        by_end = [sender for sender, _, _ in owner.turns[:end]].count(name)
        later = owner.turns[end:]
        handled = until_idle[name].handled
        # Turns of which nobody has anything may count either way.
        assert by_end <= handled <= by_end + [s for s, _, _ in later].count(name)
        mute = sum(1 for s, said, w in later if s == name and not w)
        assert handled <= by_end + mute


@given(steps())
@settings(max_examples=200)
def test_d5_whoever_has_got_everything_is_kept(history):
    """D5: sockets are closed only where an output may have been lost."""
    owner = Owner(GATEWAYS)
    for kind, *what in history:
        if kind != "receive":
            getattr(owner, kind)(*what)
    owner.commit()
    for gateway in owner.gateways.values():
        while gateway.way:
            gateway.receive()

    received = {name: one.trail.received() for name, one in owner.gateways.items()}
    until_idle = decide(owner.stored, received, is_complete=True)

    senders = [sender for sender, _, _ in owner.turns]
    assert until_idle == {
        name: RecoveryResult(handled=senders.count(name), is_lost=False)
        for name in GATEWAYS
    }


def served(*, turns=1, stored=True, said=(b"a", b"b")):
    """An owner with two gateways, after turns that told them something each."""
    owner = Owner((b"a", b"b"))
    for _ in range(turns):
        owner.turn(b"a", dict.fromkeys(said, 1), writes=stored)
        owner.commit()
    return owner


def pasts_of(owner, **received):
    """The pasts, each gateway having taken so many things from its way."""
    for name, count in received.items():
        for _ in range(count):
            owner.gateways[name.encode()].receive()
    return {name: one.trail.received() for name, one in owner.gateways.items()}


def test_d5_what_nobody_has_seen_is_sent_again():
    """A turn without writes whose outputs reached nobody has never happened."""
    owner = served(stored=False)

    until_idle = decide(None, pasts_of(owner, a=1, b=1), is_complete=True)

    assert until_idle[b"a"] == RecoveryResult(handled=0, is_lost=False)
    assert until_idle[b"b"] == RecoveryResult(handled=0, is_lost=False)


def test_d5_what_another_gateway_has_seen_has_happened():
    """A turn without writes that one gateway has seen is lost for the other one."""
    owner = served(stored=False)

    until_idle = decide(None, pasts_of(owner, a=3, b=1), is_complete=True)

    assert until_idle[b"a"] == RecoveryResult(handled=1, is_lost=False)
    assert until_idle[b"b"].is_lost


def test_d5_half_a_turn_is_a_loss():
    """Of two messages one has come."""
    owner = Owner((b"a",))
    owner.turn(b"a", {b"a": 2}, writes=False)

    until_idle = decide(None, pasts_of(owner, a=3), is_complete=True)

    assert until_idle[b"a"].is_lost


def test_d5_a_stored_turn_that_told_a_gateway_nothing_is_no_loss():
    """It has nothing to miss; its event is not handled a second time."""
    owner = Owner((b"a", b"b"))
    owner.turn(b"a", {b"b": 1}, writes=True)
    owner.commit()

    until_idle = decide(owner.stored, pasts_of(owner, a=2, b=3), is_complete=True)

    assert until_idle[b"a"] == RecoveryResult(handled=1, is_lost=False)
    assert until_idle[b"b"] == RecoveryResult(handled=0, is_lost=False)


def test_d5_a_stored_turn_whose_outputs_did_not_come_is_a_loss():
    """The event was handled: sending it again would handle it twice."""
    owner = served()

    until_idle = decide(owner.stored, pasts_of(owner, a=1, b=3), is_complete=True)

    assert until_idle[b"a"].is_lost
    assert until_idle[b"b"] == RecoveryResult(handled=0, is_lost=False)


def test_d5_a_gateway_that_does_not_tell_makes_everything_doubtful():
    """It may have seen what nobody else has."""
    owner = served()

    until_idle = decide(owner.stored, pasts_of(owner, a=3, b=3), is_complete=False)

    assert all(one.is_lost for one in until_idle.values())


def test_d5_behind_a_planned_end_nobody_else_need_tell():
    """What is stored with the release is the last of it."""
    owner = served()
    received = pasts_of(owner, a=3)
    final = owner.tally.progress(is_final=True)

    until_idle = decide(final, {b"a": received[b"a"]}, is_complete=False)

    assert until_idle[b"a"] == RecoveryResult(handled=1, is_lost=False)


def test_d5_a_gateway_that_was_never_served_sends_everything():
    """Its join had not been heard of when the owner died."""
    owner = served()
    received = pasts_of(owner, a=3, b=3) | {b"c": Received(epoch=0, join=4)}

    until_idle = decide(owner.stored, received, is_complete=True)

    assert until_idle[b"c"] == RecoveryResult(handled=0, is_lost=False)


def test_d5_a_past_of_an_earlier_owner_is_lost():
    """The one in between may have gone on without it."""
    owner = served()
    received = pasts_of(owner, a=3, b=3) | {b"c": Received(epoch=EPOCH - 1, join=1)}

    until_idle = decide(owner.stored, received, is_complete=True)

    assert until_idle[b"c"].is_lost


def test_d5_a_gateway_that_was_given_up_is_lost():
    """on_close was called for its sockets."""
    owner = served()
    received = pasts_of(owner, a=3, b=3)
    owner.tally.leave(b"b", is_dead=False)

    until_idle = decide(owner.tally.progress(), received, is_complete=True)

    assert until_idle[b"b"].is_lost
    assert not until_idle[b"a"].is_lost


def test_a_gateway_that_has_died_is_not_asked_for():
    """Whoever comes next would wait for it."""
    owner = served()
    owner.tally.leave(b"b", is_dead=True)

    assert owner.tally.is_stale
    assert owner.tally.progress().gateways == [b"a"]
    assert not owner.tally.is_stale


@pytest.mark.parametrize("ends", [False, True])
def test_s5_a_turn_that_is_stored_in_part_is_handled_once(ends):
    """S5: what it had yet to say is lost if it does not come to its end."""
    owner = Owner((b"a", b"b"))
    owner.tally.interrupt(b"a")
    stored = owner.tally.progress()
    if ends:
        marks = owner.tally.close((), b"a", interrupted=True)
        for name, mark in marks.items():
            owner.gateways[name].way.append(("mark", mark, 0))

    until_idle = decide(stored, pasts_of(owner, a=2, b=2), is_complete=True)

    assert [one.is_lost for one in until_idle.values()] == [not ends, not ends]
    assert not ends or until_idle[b"a"].handled == 1


def test_marks_tell_only_what_has_changed():
    """The more gateways, the more that would be."""
    tally = SentLog(EPOCH, GATEWAYS)
    for name in GATEWAYS:
        tally.enter(name, 1, 0)
    tally.close((b"a",), None)
    mark = tally.close((b"a",), b"b")[b"a"]

    assert mark.news == {b"a": Delivered(1, 0, 2), b"b": Delivered(1, 1, 2)}


def marks_of_a_broadcast(gateways, *, interrupted=False):
    """Those of the tenth broadcast of a room with so many gateways."""
    nodes = [number.to_bytes(16, "big") for number in range(1, gateways + 1)]
    tally = SentLog(EPOCH, nodes)
    for node in nodes:
        tally.enter(node, 1, 0)
    for number in range(10):
        sender = nodes[number % gateways]
        if interrupted:
            tally.interrupt(sender)
        marks = tally.close(nodes, sender, interrupted=interrupted)
    return marks


@pytest.mark.parametrize("interrupted", [False, True])
def test_d5_marks_of_a_broadcast_grow_with_the_gateways(interrupted):
    """D5: not with their square; what each is told has the same size, however many."""
    few = marks_of_a_broadcast(10, interrupted=interrupted)
    many = marks_of_a_broadcast(100, interrupted=interrupted)

    assert (len(few), len(many)) == (10, 100)
    assert sum(len(mark.news) for mark in many.values()) == 100
    sizes = [
        sum(len(encode_message(marked(mark))) for mark in one.values())
        for one in (few, many)
    ]
    assert sizes[1] <= 10 * sizes[0] + 100  # a byte each, for numbers that are longer


def marked(mark):
    return Marked(route=1, join=1, mark=mark, size=1)


def test_what_is_stored_is_read_again():
    """Also nothing, and what another version has written."""
    progress = Progress(
        epoch=3, turn=9, is_final=True, delivered={b"a": Delivered(1, 2, 8)}
    )

    assert decode_progress(encode_progress(progress)) == progress
    assert decode_progress(None) is None
    assert decode_progress(b"\xc1") is None

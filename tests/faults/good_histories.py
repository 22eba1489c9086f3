"""Histories without a fault, made by a room that keeps every promise; for tests."""

from itertools import count

from hypothesis import strategies as st

from tests.faults.lab.history import Attempt, Frame, History, Kind, Socket, Visit

CLIENTS = 3

# Whatever else happens: all send and are heard, come back, and hear of three owners.
PROLOGUE = [
    *[("join", 0), ("join", 1), ("join", 2), ("send", 0), ("send", 0), ("send", 1)],
    *[("handle", 0), ("handle", 0), ("handle", 0), ("send", 2), ("crash", 1)],
    *[("join", 0), ("join", 1), ("send", 0), ("send", 1), ("handle", 0)],
    *[("hand over", 0), ("handle", 0), ("send", 1), ("handle", 0)],
    *[("leave", 0), ("join", 0)],
]

ACTIONS = ("join", "send", "send", "handle", "handle", "leave", "crash", "hand over")


class Ledger:
    """A ledger room whose owners keep every promise."""

    def __init__(self):
        self.clock = count()
        self.numbers = count(1)
        self.epoch = 1
        self.stored = []
        self.handled = []
        self.visits = []

    @property
    def node(self):
        return f"node {self.epoch}"

    @property
    def open_visits(self):
        return [visit for visit in self.visits if visit.close_code is None]

    @property
    def waiting(self):
        """For each open visit what it has sent and nobody has handled, if anything."""
        done = {line.op for line in self.stored}
        for visit in self.open_visits:
            ops = [attempt.op for attempt in visit.attempts if attempt.op not in done]
            if ops:
                yield visit, ops[0]

    def join(self, number):
        client = f"client {number % CLIENTS}"
        if client in {visit.client for visit in self.open_visits}:
            return
        visit = Visit(client)
        visit.frames.append(self.frame(Kind.WELCOME, "", len(self.stored)))
        self.visits.append(visit)

    def send(self, number):
        if self.open_visits:
            visit = self.open_visits[number % len(self.open_visits)]
            op = f"op {next(self.numbers)} of {visit.client}"
            visit.attempts.append(Attempt(op, next(self.clock)))

    def handle(self, number, hearers=None):
        """Handle and store an op; those who hear of it hear of it at once."""
        waiting = list(self.waiting)
        if not waiting:
            return
        sender, op = waiting[number % len(waiting)]
        position = len(self.stored) + 1
        line = Socket(position, op, self.epoch, self.node)
        self.handled.append(line)
        self.stored.append(line)
        for visit in self.open_visits[:hearers]:
            if visit is sender:
                visit.frames.append(self.frame(Kind.ACKNOWLEDGEMENT, op, position))
            visit.frames.append(self.frame(Kind.BROADCAST, op, position))

    def leave(self, number):
        if self.open_visits:
            self.open_visits[number % len(self.open_visits)].close_code = 1000

    def crash(self, number):
        """The owner ends while it tells of an op, and handles one that nobody knows."""
        self.handle(number, hearers=number % (CLIENTS + 1))
        for _, op in list(self.waiting)[:1]:
            position = len(self.stored) + 1
            self.handled.append(Socket(position, op, self.epoch, self.node))
        for visit in self.open_visits:
            visit.close_code = 1012
        self.epoch += 1

    def hand_over(self, number):
        """Another node goes on, and nobody is closed."""
        self.epoch += 1

    def frame(self, kind, op, position):
        return Frame(kind, op, position, self.epoch, next(self.clock))


@st.composite
def good_histories(draw):
    """The whole life of a ledger with up to three clients."""
    more = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 11)))
    return make_history([*PROLOGUE, *draw(more)])


def make_history(actions=PROLOGUE):
    """What comes of some actions; whatever is still under way in the end is done."""
    ledger = Ledger()
    for action, number in actions:
        getattr(ledger, action.replace(" ", "_"))(number)
    while list(ledger.waiting):
        ledger.handle(0)
    return History(ledger.visits, ledger.handled, ledger.stored)

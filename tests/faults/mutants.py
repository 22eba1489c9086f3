"""
Single faults done to a good history, each by a function of this module.

Each takes a history, changes it, and picks where by ``pick``, which takes a list of the
places where it can be done. ``MUTANTS`` names the invariant that each one breaks.
"""

from tests.faults.lab.history import Attempt, Frame, History, Kind, Socket, Visit

MUTANTS = {}


def breaks(invariant):
    """Register a mutant."""

    def register(mutant):
        MUTANTS[mutant.__name__] = (mutant, invariant)
        return mutant

    return register


def places(history: History, kind: Kind) -> list[tuple[Visit, int]]:
    """Each frame of a kind: in which visit, and where in it."""
    return [
        (visit, index)
        for visit in history.visits
        for index, frame in enumerate(visit.frames)
        if frame.kind is kind
    ]


def inner_broadcasts(history: History) -> list[tuple[Visit, int]]:
    """Broadcasts that are followed by another one in the same visit."""
    return [
        (visit, index)
        for visit, index in places(history, Kind.BROADCAST)
        if any(frame.kind is Kind.BROADCAST for frame in visit.frames[index + 1 :])
    ]


def told(history: History) -> set[str]:
    """The ops that were acknowledged."""
    acknowledged = places(history, Kind.ACKNOWLEDGEMENT)
    return {visit.frames[index].op for visit, index in acknowledged}


# 1: acknowledged is a subset of stored, stored of attempted; nothing is applied twice


@breaks(1)
def an_acknowledged_write_is_lost(history, pick):
    acknowledged = told(history)
    line = pick([line for line in history.stored if line.op in acknowledged])
    history.stored.remove(line)


@breaks(1)
def an_unacknowledged_write_is_lost(history, pick):
    history.stored.remove(pick(history.stored[:-1]))


@breaks(1)
def a_write_is_applied_twice(history, pick):
    line = pick(history.stored)
    again = line._replace(position=len(history.stored) + 1)
    history.stored.append(again._replace(epoch=history.stored[-1].epoch))


@breaks(1)
def a_write_is_overwritten(history, pick):
    index = pick(range(len(history.stored) - 1))
    later = history.stored[index + 1]
    history.stored[index] = later._replace(position=index + 1)


@breaks(1)
def something_is_stored_that_nobody_sent(history, pick):
    last = history.stored[-1]
    forged = last._replace(position=last.position + 1, op="forged")
    history.stored.append(forged)


@breaks(1)
def an_acknowledgement_tells_another_value(history, pick):
    visit, index = pick(places(history, Kind.ACKNOWLEDGEMENT))
    frame = visit.frames[index]
    visit.frames[index] = frame._replace(position=frame.position + 1)


@breaks(1)
def an_acknowledgement_comes_twice(history, pick):
    visit, index = pick(places(history, Kind.ACKNOWLEDGEMENT))
    visit.frames.insert(index, visit.frames[index])


@breaks(1)
def an_acknowledgement_goes_to_a_stranger(history, pick):
    visit, index = pick(places(history, Kind.ACKNOWLEDGEMENT))
    frame = visit.frames.pop(index)
    stranger = pick([other for other in history.visits if other is not visit])
    stranger.frames.append(frame)


@breaks(1)
def what_was_never_handled_is_acknowledged(history, pick):
    visit = pick(history.visits)
    visit.attempts.append(Attempt("ghost", at=1e9))
    last = history.stored[-1]
    visit.frames.append(
        Frame(Kind.ACKNOWLEDGEMENT, "ghost", last.position + 1, last.epoch, at=1e9)
    )
    visit.close_code = visit.close_code or 1006


@breaks(1)
def an_op_is_handled_twice_in_one_epoch(history, pick):
    line = pick(history.handled)
    history.handled.append(line._replace(position=line.position + 1))


@breaks(1)
def an_op_overtakes_one_that_was_acknowledged_before_it_was_sent(history, pick):
    lines = {line.op: line for line in history.stored}
    first, later = pick(
        [
            (visit.frames[index], attempt)
            for visit, index in places(history, Kind.ACKNOWLEDGEMENT)
            for other in history.visits
            for attempt in other.attempts
            if attempt.op in lines
            and lines[attempt.op].position < visit.frames[index].position
        ]
    )
    for visit in history.visits:
        for index, attempt in enumerate(visit.attempts):
            if attempt == later:
                visit.attempts[index] = attempt._replace(at=first.at + 0.5)


# 2: what is handled of a connection is an ordered prefix of what it sent


@breaks(2)
def a_message_is_lost_and_its_connection_stays(history, pick):
    visit = pick([visit for visit in history.visits if visit.close_code is None])
    visit.attempts.append(Attempt("unheard", at=1e9))


@breaks(2)
def a_message_is_lost_between_two_that_are_handled(history, pick):
    visit = pick([visit for visit in history.visits if told_of(visit)])
    visit.attempts.insert(0, Attempt("skipped", at=-1.0))


@breaks(2)
def two_messages_of_a_connection_are_handled_the_wrong_way_round(history, pick):
    stored = {line.op for line in history.stored}
    visit, index = pick(
        [
            (visit, index)
            for visit in history.visits
            for index, attempt in enumerate(visit.attempts[1:])
            if attempt.op in stored
        ]
    )
    ops = visit.attempts
    ops[index], ops[index + 1] = ops[index + 1], ops[index]


# 3: every client's view is one contiguous piece of the room's one sequence


@breaks(3)
def a_broadcast_is_missed(history, pick):
    visit, index = pick(inner_broadcasts(history))
    del visit.frames[index]


@breaks(3)
def the_last_broadcast_is_missed_and_the_connection_stays(history, pick):
    visit, index = pick(
        [
            (visit, index)
            for visit, index in places(history, Kind.BROADCAST)
            if (visit, index) not in inner_broadcasts(history)
            and visit.close_code is None
        ]
    )
    del visit.frames[index]


@breaks(3)
def a_broadcast_comes_twice(history, pick):
    visit, index = pick(places(history, Kind.BROADCAST))
    visit.frames.insert(index, visit.frames[index])


@breaks(3)
def two_broadcasts_come_the_wrong_way_round(history, pick):
    visit, index = pick(inner_broadcasts(history))
    visit.frames.append(visit.frames.pop(index))


@breaks(3)
def a_broadcast_tells_another_op(history, pick):
    visit, index = pick(places(history, Kind.BROADCAST))
    visit.frames[index] = visit.frames[index]._replace(op="forged")


@breaks(3)
def a_newcomer_is_welcomed_with_too_much(history, pick):
    visit, index = pick(places(history, Kind.WELCOME))
    visit.frames[index] = visit.frames[index]._replace(
        position=len(history.stored) + 1, epoch=history.stored[-1].epoch
    )


@breaks(3)
def acknowledgements_come_the_wrong_way_round(history, pick):
    visit = pick([visit for visit in history.visits if len(told_of(visit)) > 1])
    first, last = told_of(visit)[0], told_of(visit)[-1]
    frames = visit.frames
    frames[first], frames[last] = frames[last], frames[first]


# 4: stored outputs of a lower epoch never follow those of a higher one


@breaks(4)
def an_old_owner_is_heard_after_the_new_one(history, pick):
    visit, index = pick(
        [
            (visit, index)
            for visit, index in inner_broadcasts(history)
            if visit.frames[index].epoch < visit.frames[-1].epoch
        ]
    )
    visit.frames.append(visit.frames[index])


@breaks(4)
def a_client_comes_back_to_an_old_owner(history, pick):
    earlier, later = pick(
        [
            (one, other)
            for index, other in enumerate(history.visits)
            for one in history.visits[:index]
            if one.client == other.client
            and other.frames[0].epoch > 1
            and one.frames[-1].epoch > 1
        ]
    )
    assert earlier.client == later.client
    later.frames[0] = later.frames[0]._replace(epoch=1)


@breaks(4)
def an_old_owner_stores_after_the_new_one(history, pick):
    line = history.stored[-1]
    history.stored[-1] = line._replace(epoch=line.epoch - 1)
    history.stored.append(line._replace(position=line.position + 1, op="forged"))
    history.stored[-2:] = [
        history.stored[-1]._replace(position=line.position),
        history.stored[-2]._replace(position=line.position + 1),
    ]


# 5: per epoch one node


@breaks(5)
def two_nodes_handle_in_one_epoch(history, pick):
    line = pick(history.handled)
    history.handled.append(Socket(line.position, "any", line.epoch, "another node"))


@breaks(5)
def another_node_stores(history, pick):
    index = pick(range(len(history.stored)))
    history.stored[index] = history.stored[index]._replace(node="another node")


def told_of(visit: Visit) -> list[int]:
    """Where the acknowledgements are."""
    return [
        index
        for index, frame in enumerate(visit.frames)
        if frame.kind is Kind.ACKNOWLEDGEMENT
    ]

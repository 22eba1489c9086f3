"""The sockets of one room in one process."""

from partyrooms.core.frames import Frame, Profile
from partyrooms.delivery.local_audience import LocalAudience


class Box:
    """An outbox that notes what it gets, and may leave while it does."""

    def __init__(self, audience, name, *, leaves=False):
        self.profile = Profile(id=name, uri="/", user_id=None)
        self.got = []
        self._audience = audience
        self._leaves = leaves
        audience.join(self)

    def send(self, frame):
        self.got.append(frame)
        if self._leaves:
            self._audience.leave(self)


def test_r19_a_broadcast_is_one_frame_for_all():
    """R19: it is encoded once, and shared."""
    audience = LocalAudience()
    alice, bob = Box(audience, "alice"), Box(audience, "bob")
    frame = Frame("hi")

    audience.broadcast((frame, frozenset()))

    assert alice.got[0] is frame
    assert bob.got[0] is frame


def test_w5_who_is_left_out_is_left_out_with_all_its_sockets():
    """R19, W5: without= means ids."""
    audience = LocalAudience()
    first, second = Box(audience, "alice"), Box(audience, "alice")
    bob = Box(audience, "bob")

    audience.broadcast((Frame("hi"), frozenset({"alice", "nobody"})))

    assert (first.got, second.got, len(bob.got)) == ([], [], 1)


def test_d7_a_socket_that_leaves_in_the_middle_disturbs_no_other():
    """D7: it is too slow, and closed while its turn comes."""
    audience = LocalAudience()
    boxes = [Box(audience, str(number), leaves=number == 1) for number in range(3)]

    audience.broadcast((Frame("a"), frozenset()))
    audience.broadcast((Frame("b"), frozenset()))

    assert [len(box.got) for box in boxes] == [2, 1, 2]


def test_the_sockets_are_listed_in_the_order_in_which_they_came():
    """Once each; leaving twice is nothing."""
    audience = LocalAudience()
    boxes = [Box(audience, str(number)) for number in range(3)]
    audience.join(boxes[0])

    audience.leave(boxes[1])
    audience.leave(boxes[1])

    assert list(audience.sockets()) == [boxes[0], boxes[2]]
    assert len(audience) == 2

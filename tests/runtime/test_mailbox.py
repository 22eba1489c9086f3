"""Who waits for a place in a mailbox, and who is woken when one is free."""

import asyncio

import pytest

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import MailboxFull
from partyrooms.runtime.events import Message, NoOp
from partyrooms.runtime.mailbox import Mailbox
from tests.runtime.stage import turns_of_the_loop

KEY = RoomKey("chat", "lobby")
CAPACITY = 4


class Socket:
    """What a mailbox knows of a socket."""

    def __init__(self):
        self.waiting = 0


@pytest.fixture
def mailbox():
    return Mailbox(KEY, CAPACITY)


async def crowd(mailbox, sockets, woken):
    """Each socket puts one frame in, and waits for what it may do next."""

    async def read(socket):
        mailbox.put(Message(socket, "hi"))
        await mailbox.space(socket)
        woken.append(socket)

    tasks = []
    for socket in sockets:
        tasks.append(asyncio.create_task(read(socket)))
        await asyncio.sleep(0)  # one after the other
    return tasks


async def test_g6_a_free_place_wakes_one_waiter_in_order(mailbox):
    """G6: of many sockets of one room, as many are woken as there are places."""
    sockets, woken = [Socket() for _ in range(100)], []
    tasks = await crowd(mailbox, sockets, woken)
    at_once = len(woken)

    counts = []
    while len(mailbox) > CAPACITY:
        mailbox.take()
        await turns_of_the_loop(3)
        counts.append(len(woken))

    assert at_once == CAPACITY
    assert counts == list(range(CAPACITY + 1, 101))
    assert woken == sockets
    await asyncio.gather(*tasks)


async def test_g6_a_full_share_waits_while_others_do_not():
    """G6: the room's other sockets are read on."""
    roomy = Mailbox(KEY, 1000)
    flood, other = Socket(), Socket()
    for number in range(roomy.places.share):
        roomy.put(Message(flood, str(number)))
    waiting = asyncio.create_task(roomy.space(flood))
    roomy.put(Message(other, "hi"))

    await asyncio.wait_for(roomy.space(other), 1)

    assert not waiting.done()
    for _ in range(roomy.places.share // 2):
        roomy.take()
    await asyncio.wait_for(waiting, 1)


@pytest.mark.parametrize("who", ["a newcomer", "a socket"])
async def test_g6_who_gives_up_leaves_its_place_to_the_next(mailbox, who):
    """G6: also in the instant in which it was woken."""
    for _ in range(CAPACITY):
        mailbox.put(NoOp())
    gone = Socket()
    if who == "a socket":
        mailbox.put(Message(gone, "hi"))
    first = asyncio.create_task(mailbox.space(gone if who == "a socket" else None))
    second = asyncio.create_task(mailbox.space())
    await turns_of_the_loop(3)

    mailbox.take_all()
    first.cancel()
    await asyncio.wait([first, second], timeout=1)

    assert first.cancelled()
    assert second.done()


async def test_g6_newcomers_have_their_place_in_the_order(mailbox):
    """G6: a handshake is not overtaken for ever by those who are in."""
    for _ in range(CAPACITY):
        mailbox.put(NoOp())

    async def come():
        await mailbox.space()
        mailbox.put(NoOp())

    newcomer = asyncio.create_task(come())
    await turns_of_the_loop(3)
    talker = Socket()
    mailbox.put(Message(talker, "hi"))
    later = asyncio.create_task(mailbox.space(talker))
    await turns_of_the_loop(3)

    mailbox.take()
    await turns_of_the_loop(3)
    states = newcomer.done(), later.done()
    mailbox.take()
    await asyncio.wait_for(later, 1)

    assert states == (True, False)


async def test_g6_what_is_put_back_counts_again(mailbox):
    """G6: also the events that an owner gives back."""
    socket = Socket()
    for number in range(CAPACITY):
        mailbox.put(Message(socket, str(number)))
    taken = mailbox.take_all()
    without = socket.waiting

    mailbox.put_back(taken)

    assert (without, socket.waiting) == (0, CAPACITY)
    assert [mailbox.take().payload for _ in range(CAPACITY)] == ["0", "1", "2", "3"]
    assert socket.waiting == 0
    mailbox.put_back(taken)
    with pytest.raises(MailboxFull, match="4 events waiting"):
        mailbox.require_space()


async def test_g6_requests_are_turned_away_that_would_wait_too_long():
    """G6: early, by what the last events took; who may wait still may."""
    slow = Mailbox(KEY, 1000, patience=10)
    for _ in range(30):
        slow.put(NoOp())
    slow.require_time()

    slow.pace.handled(50, 50.0)

    with pytest.raises(MailboxFull, match="take about 28 s: more than CONNECT_TIMEOUT"):
        slow.require_time()
    slow.require_space()
    while len(slow) > 10:
        slow.take()
    slow.require_time()

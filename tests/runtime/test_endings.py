"""The ends of a life: stopped, deleted, lost or crashed, wherever it is just then."""

import asyncio
import logging

import pytest

from partyrooms import Room, parties
from partyrooms.exceptions import RoomStopped, RoomUnreachable, StoreUnavailable
from partyrooms.runtime import runner as runner_module
from partyrooms.runtime.events import Message, Request
from partyrooms.runtime.ownership import State
from tests.runtime.stage import on_stage, patiently, turns_of_the_loop


class Joined(str):
    """What stands for the gateway that has sent an event."""

    is_current = True


class Ended(Room):
    """Notes what it handles, hangs on demand."""

    party = "ended"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.notes = []
        self.hanging = asyncio.Event()
        self.on = asyncio.Event()

    async def on_message(self, message, sender):
        self.notes.append(message)
        if message == "put":
            self.storage.put("key", 1)
        elif message == "hang":
            self.hanging.set()
            await self.on.wait()
        sender.send(message)

    async def on_request(self, request):
        if request.method == "POST":
            self.storage.put("key", 1)
        return await self.storage.list()

    async def on_exception(self, error, connection):
        self.notes.append(type(error).__name__)


async def hung(room):
    """A room whose hook hangs in the middle of a message, and the message's sender."""
    alice = await patiently(room.connect("alice"))
    room.put_in(alice, "hang")
    await patiently(room.instance.hanging.wait())
    return alice


@pytest.mark.parametrize("point", ["claim", "sizes"])
async def test_a_room_that_is_lost_while_it_starts_gives_up_what_waits(point):
    """G2, R10: requests hear that it stopped; the next event starts it again."""
    async with on_stage(Ended) as room:
        hold = room.store.hold(point)
        asked = asyncio.create_task(room.get())
        await patiently(hold.reached.wait())

        room.worker.lose()
        hold.go.set()

        with pytest.raises(RoomStopped):
            await patiently(asked)
        assert (await patiently(room.get())).status_code == 200


async def test_a_room_that_is_lost_in_on_start_gives_up_what_waits():
    """G2: its hook is cancelled, nothing of it is stored."""
    started, tries = asyncio.Event(), []

    class Starting(Room):
        party = "ended-starting"

        async def on_start(self):
            tries.append(1)
            if len(tries) == 1:
                self.storage.put("key", 1)
                started.set()
                await asyncio.Event().wait()

        async def on_request(self, request):
            return await self.storage.list()

    async with on_stage(Starting) as room:
        asked = asyncio.create_task(room.get())
        await patiently(started.wait())

        room.worker.lose()

        with pytest.raises(RoomStopped):
            await patiently(asked)
        assert (await patiently(room.get())).data == {}


async def test_a_room_that_is_lost_before_on_start_does_not_run_it():
    """D1: no hook of a replaced owner begins."""
    started = []

    class Late(Ended):
        party = "ended-late"

        async def on_start(self):
            started.append(self)

    async with on_stage(Late) as room:
        hold = room.store.hold("sizes")
        asked = asyncio.create_task(room.get())
        await patiently(hold.reached.wait())

        room.worker.lose()
        hold.go.set()

        with pytest.raises(RoomStopped):
            await patiently(asked)
        assert started == []


async def test_a_room_that_is_lost_in_a_hook_drops_its_turn():
    """G2: sockets get 1012, nothing leaves, nothing is stored."""
    async with on_stage(Ended) as room:
        alice = await hung(room)

        room.worker.lose()
        await patiently(room.worker.until_idle())

        assert alice.closed[0] == 1012
        assert alice.received == []
        assert (await patiently(room.get())).data == {}


async def test_an_idle_room_that_is_lost_closes_its_sockets():
    """G2: with 1012, and the next event claims it anew."""
    async with on_stage(Ended) as room:
        alice = await patiently(room.connect("alice"))
        before = (await parties.ended.get("test").info())["epoch"]

        room.worker.lose()

        assert alice.closed[0] == 1012
        assert (await parties.ended.get("test").info())["epoch"] == before + 1


async def test_a_room_that_is_lost_while_it_commits_answers_nobody_with_success():
    """G2: the reply that waits for the commit fails, and what was sent never leaves."""
    async with on_stage(Ended) as room:
        alice = await patiently(room.connect("alice"))
        hold = room.store.hold("commit")
        asked = asyncio.create_task(room.post())
        await patiently(hold.reached.wait())
        room.put_in(alice, "behind")

        room.worker.lose()
        hold.go.set()

        with pytest.raises(RoomStopped):
            await patiently(asked)
        assert alice.received == []
        assert alice.closed[0] == 1012


async def test_a_room_that_is_lost_while_it_stops_has_stopped():
    """stop() returns; the room can be started again."""
    async with on_stage(Ended) as room:
        alice = await patiently(room.connect("alice"))
        hold = room.store.hold("commit")
        room.put_in(alice, "put")
        stopping = asyncio.create_task(room.stop())
        await patiently(hold.reached.wait())

        room.worker.lose()
        hold.go.set()

        await patiently(stopping)
        assert (await patiently(room.get())).status_code == 200


async def test_a_room_that_is_lost_while_it_is_released_is_given_up():
    """The period is over either way."""
    async with on_stage(Ended) as room:
        await patiently(room.get())
        hold = room.store.hold("release")
        stopping = asyncio.create_task(room.stop())
        await patiently(hold.reached.wait())

        room.worker.lose()
        hold.go.set()

        await patiently(stopping)
        assert room.worker.lifecycle.ownership.state is State.ABSENT


async def test_a_node_that_is_lost_ends_all_its_rooms_and_signs_off():
    """D1: whatever they are doing; nobody who asked waits for ever."""
    async with on_stage(Ended) as room:
        alice = await hung(room)
        asked = asyncio.create_task(room.get())
        await turns_of_the_loop()

        room.node.lose()

        with pytest.raises(RoomStopped):
            await patiently(asked)
        assert alice.closed[0] == 1012
        assert room.node.ended.is_set()


async def test_a_lost_node_that_closes_leaves_no_request_waiting(monkeypatch):
    """G6, W10: also one that waits behind a hook which goes on whatever happens."""
    monkeypatch.setattr(runner_module, "CANCEL_PATIENCE", 0.01)
    forever = asyncio.Event()

    class Endless(Ended):
        party = "ended-endless"

        async def on_message(self, message, sender):
            self.hanging.set()
            while not forever.is_set():
                try:
                    await forever.wait()
                except asyncio.CancelledError:
                    continue

    async with on_stage(Endless) as room:
        await hung(room)
        asked = asyncio.create_task(room.get())
        await turns_of_the_loop()

        room.node.lose()

        with pytest.raises(RoomUnreachable):
            await patiently(asked)
        await patiently(room.node.close())
        forever.set()
        await turns_of_the_loop()


async def test_p4_delete_ends_though_the_room_is_lost_while_it_commits():
    """P4: what is left is claimed anew and deleted."""
    async with on_stage(Ended) as room:
        alice = await patiently(room.connect("alice"))
        hold = room.store.hold("commit")
        room.put_in(alice, "put")
        await patiently(hold.reached.wait())
        deleting = asyncio.create_task(room.worker.delete())
        await turns_of_the_loop()

        room.worker.lose()
        hold.go.set()

        await patiently(deleting)
        assert (await patiently(room.get())).data == {}


async def test_p4_delete_says_that_another_process_took_the_room_meanwhile():
    """P4: RoomUnreachable, and nothing is removed."""
    async with on_stage(Ended) as room:
        await patiently(room.post())
        hold = room.store.hold("delete")
        deleting = asyncio.create_task(room.worker.delete())
        await patiently(hold.reached.wait())
        _, row = room.store.tables.room(room.key)
        row.fence = type(row.fence)(row.fence.owner, row.fence.epoch + 1, 9)

        hold.go.set()

        with pytest.raises(RoomUnreachable, match="was not deleted"):
            await patiently(deleting)
        assert await room.stored() == {"key": 1}


async def test_p4_delete_says_that_the_database_is_away():
    """P4: StoreUnavailable; the room is there as before."""
    async with on_stage(Ended) as room:
        await patiently(room.post())
        room.store.tables.available = False

        with pytest.raises(StoreUnavailable):
            await patiently(room.worker.delete())

        room.store.tables.available = True
        assert (await patiently(room.get())).data == {"key": 1}


async def test_p4_delete_passes_on_whatever_the_store_raises(monkeypatch):
    """Nobody waits for ever because of an error that nobody thought of."""
    async with on_stage(Ended) as room:

        async def break_down(claim):
            raise ZeroDivisionError

        monkeypatch.setattr(room.store, "delete", break_down)

        with pytest.raises(ZeroDivisionError):
            await patiently(room.worker.delete())


async def test_p4_a_room_that_is_starting_is_deleted_once_it_has():
    """P4: then the event that started it starts it again, empty."""
    async with on_stage(Ended) as room:
        await patiently(room.post())
        await patiently(room.stop())
        hold = room.store.hold("claim")
        asked = asyncio.create_task(room.get())
        await patiently(hold.reached.wait())
        deleting = asyncio.create_task(room.worker.delete())
        await turns_of_the_loop()

        hold.go.set()

        await patiently(deleting)
        assert (await patiently(asked)).data == {}


async def test_p4_two_deletes_at_once_are_one():
    """P4: both return."""
    async with on_stage(Ended) as room:
        await patiently(room.post())

        await patiently(asyncio.gather(room.worker.delete(), room.worker.delete()))

        assert room.key not in room.store.tables.records


async def test_p4_a_delete_while_another_one_is_under_way_returns_too():
    """P4: the room is gone after both."""
    async with on_stage(Ended) as room:
        await patiently(room.post())
        hold = room.store.hold("delete")
        first = asyncio.create_task(room.worker.delete())
        await patiently(hold.reached.wait())
        second = asyncio.create_task(room.worker.delete())
        await turns_of_the_loop()

        hold.go.set()

        await patiently(asyncio.gather(first, second))
        assert room.key not in room.store.tables.records


async def test_a_delete_that_a_crash_overtakes_says_so():
    """RoomStopped, instead of a wait for ever."""
    async with on_stage(Ended) as room:
        await hung(room)
        deleting = asyncio.create_task(room.worker.delete())
        await turns_of_the_loop()

        await patiently(room.crash())

        with pytest.raises(RoomStopped):
            await patiently(deleting)


async def test_a_stop_while_the_room_starts_ends_that_life():
    """The event that started it is the next life's; both calls return."""
    async with on_stage(Ended) as room:
        hold = room.store.hold("claim")
        asked = asyncio.create_task(room.get())
        await patiently(hold.reached.wait())
        stopping = asyncio.create_task(room.stop())
        await turns_of_the_loop()

        hold.go.set()

        await patiently(stopping)
        assert (await patiently(asked)).status_code == 200
        assert (await parties.ended.get("test").info())["epoch"] == 2


async def test_a_stop_waits_for_the_hook_that_runs():
    """Its turn counts; events behind it are the next life's."""
    async with on_stage(Ended) as room:
        alice = await hung(room)
        first = room.instance
        stopping = asyncio.create_task(room.hibernate())
        room.put_in(alice, "behind")
        await turns_of_the_loop()
        before = stopping.done()

        first.on.set()
        await patiently(stopping)
        await patiently(room.worker.until_idle())

        assert before is False
        assert (first.notes, room.instance.notes) == (["hang"], ["behind"])
        assert alice.received == ["hang", "behind"]


async def test_two_stops_at_once_both_return():
    """The harder one wins: sockets get its code."""
    async with on_stage(Ended) as room:
        alice = await hung(room)
        stops = [
            asyncio.create_task(room.hibernate()),
            asyncio.create_task(room.stop()),
            asyncio.create_task(room.hibernate()),
        ]
        await turns_of_the_loop()

        room.instance.on.set()
        await patiently(asyncio.gather(*stops))

        assert alice.closed[0] == 1012


async def test_a_stop_of_a_room_that_is_not_running_does_nothing():
    """It is not started for it."""
    async with on_stage(Ended) as room:
        await patiently(room.stop())

        assert room.key not in room.store.tables.records


async def test_a_stop_returns_though_events_keep_coming():
    """Its life ends once; the next one handles what came in the meantime."""
    async with on_stage(Ended) as room:
        alice = await patiently(room.connect("alice"))
        is_flooding = True

        async def flood():
            while is_flooding:
                while len(room.worker.mailbox.waiting) < 5:
                    room.put_in(alice, "more")
                await asyncio.sleep(0)

        flooding = asyncio.create_task(flood())
        await turns_of_the_loop()

        await patiently(room.worker.stop(None))

        is_flooding = False
        await flooding


async def test_a_stop_waits_for_the_database():
    """D9: nothing is given up because the database is away for a while."""
    async with on_stage(Ended) as room:
        alice = await patiently(room.connect("alice"))
        room.store.tables.available = False
        room.put_in(alice, "put")
        await turns_of_the_loop()
        stopping = asyncio.create_task(room.stop())
        await turns_of_the_loop()
        before = stopping.done()

        room.store.tables.available = True
        await patiently(stopping)

        assert before is False
        assert await room.stored() == {"key": 1}
        assert alice.received == ["put"]


async def test_a_room_that_cannot_be_released_is_claimed_again(caplog):
    """Its row still names this process."""
    async with on_stage(Ended) as room:
        await patiently(room.get())
        hold = room.store.hold("release")
        stopping = asyncio.create_task(room.stop())
        await patiently(hold.reached.wait())
        room.store.tables.available = False

        hold.go.set()
        await patiently(stopping)

        room.store.tables.available = True
        assert "could not be released" in caplog.text
        assert (await patiently(room.get())).status_code == 200


async def test_a_crash_while_the_room_is_released_leaves_it_usable():
    """The next event claims it, as after kill -9."""
    async with on_stage(Ended) as room:
        await patiently(room.get())
        hold = room.store.hold("release")
        stopping = asyncio.create_task(room.stop())
        await patiently(hold.reached.wait())

        await patiently(room.crash())

        await patiently(stopping)
        assert (await patiently(room.get())).status_code == 200
        hold.go.set()  # Too late for the row, which has another epoch by now.
        assert (await patiently(room.get())).status_code == 200


async def test_a_crash_answers_whoever_waits():
    """Who asked the hook that ran, and who waited behind it."""
    asked = asyncio.Event()

    class Asked(Ended):
        party = "ended-asked"

        async def on_request(self, request):
            asked.set()
            await asyncio.Event().wait()

    async with on_stage(Asked) as room:
        first = asyncio.create_task(room.get())
        await patiently(asked.wait())
        second = asyncio.create_task(room.get())
        await turns_of_the_loop()

        await patiently(room.crash())

        for waiting in (first, second):
            with pytest.raises(RoomStopped):
                await patiently(waiting)


async def test_a_crash_ends_though_a_hook_swallows_its_cancellation():
    """Once is enough: what the hook does afterwards does not count."""

    class Swallowing(Ended):
        party = "ended-swallowing"

        async def on_message(self, message, sender):
            self.hanging.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                sender.send("late")

    async with on_stage(Swallowing) as room:
        alice = await hung(room)

        await patiently(room.crash())

        assert alice.received == []
        assert not room.is_running


async def test_a_node_closes_though_a_hook_never_ends(monkeypatch, caplog):
    """Three cancellations are enough; the log names the room."""
    monkeypatch.setattr(runner_module, "CANCEL_PATIENCE", 0.01)
    forever = asyncio.Event()

    class Endless(Ended):
        party = "ended-never"

        async def on_message(self, message, sender):
            self.hanging.set()
            while not forever.is_set():
                try:
                    await forever.wait()
                except asyncio.CancelledError:
                    continue

    async with on_stage(Endless) as room:
        await hung(room)

        with caplog.at_level(logging.ERROR):
            await patiently(room.crash())

        assert "A hook of ended-never/test goes on" in caplog.text
        forever.set()
        await turns_of_the_loop()


async def test_a_hook_that_cancels_its_own_task_fails_its_event_only():
    """Whoever asked hears that the room stopped; the next event is handled."""

    class Cancelling(Ended):
        party = "ended-cancelling"

        async def on_request(self, request):
            if request.method == "POST":
                asyncio.current_task().cancel()
                await asyncio.sleep(0)
            return {}

    async with on_stage(Cancelling) as room:
        alice = await patiently(room.connect("alice"))

        with pytest.raises(RoomStopped):
            await patiently(room.post())

        assert (await patiently(room.get())).status_code == 200
        assert alice.closed is None


async def test_d5_another_process_hears_that_its_event_is_dealt_with():
    """D5: also of one whose socket a stop has closed: or else it would come again."""
    handled = []

    async with on_stage(Ended) as room:
        alice = await hung(room)
        late = Message(
            alice._socket, "late", receipt=(handled.append, Joined("late"), b"node")
        )
        stopping = asyncio.create_task(room.stop())
        room.worker.put(late)
        await turns_of_the_loop()

        room.instance.on.set()
        await patiently(stopping)

        assert handled == ["late"]
        assert not room.is_running


async def test_d5_another_process_hears_that_a_room_did_not_start():
    """D5: its event was answered with the failure; it is not sent again."""
    handled = []

    class Failing(Ended):
        party = "ended-failing"

        async def on_start(self):
            raise ValueError

    async with on_stage(Failing) as room:
        reply = asyncio.get_running_loop().create_future()
        room.worker.put(
            Request(None, reply, receipt=(handled.append, Joined("asked"), b"node"))
        )

        assert (await patiently(reply)).status == 500
        assert handled == ["asked"]


async def test_a_draining_node_turns_events_away():
    """D6: 503 for who asks, and a close code for who comes."""
    async with on_stage(Ended) as room:
        await patiently(room.get())
        await patiently(room.node.drain())

        with pytest.raises(RoomUnreachable):
            await patiently(room.get())
        alice = await patiently(room.connect("alice"))

        assert alice.closed[0] == 1013


async def test_a_closed_node_turns_events_away():
    """Its process is going away."""
    async with on_stage(Ended) as room:
        await patiently(room.node.close())

        with pytest.raises(RoomStopped, match="going away"):
            await patiently(room.get())

"""SPEC 4: how long a hook may take and how many events may wait (G5, G6)."""

import asyncio
import json

from tests.deadline import DEADLINE
from tests.servers import raw as raw_frames
from tests.servers.raw import frame, raw
from tests.servers.site.journal import gate, note
from tests.servers.visitor import Room


async def test_g5_a_hook_that_never_ends_is_cancelled(hasty):
    """After `HOOK_TIMEOUT`; its turn is dropped, the room handles the next event."""

    class Endless(Room):
        async def on_message(self, message, sender):
            if message == "wait":
                self.storage.put("waited", True)
                sender.send("dropped")
                try:
                    await gate(f"never-{self.id}")
                except asyncio.CancelledError:
                    note(self.id, "cancelled")
                    raise
            sender.send_json([message, await self.storage.get("waited")])

        async def on_exception(self, error, connection):
            note(self.id, "exception", type(error).__name__, connection.id)

    room = await hasty.define(Endless)
    alice = await room.join("alice")
    await alice.send("wait")

    assert json.loads(await alice.ask("hi")) == ["hi", None]
    notes = await room.notes(until="exception")
    assert notes == [["cancelled"], ["exception", "HookTimeout", "alice"]]


async def test_g5_a_request_whose_hook_never_ends(hasty):
    """HTTP gets 504 or 500 without details; the room goes on."""

    class Endless(Room):
        async def on_request(self, request):
            if request.method == "POST":
                await gate(f"never-{self.id}")
            return {"alive": True}

    room = await hasty.define(Endless)
    response = await room.request("POST")

    assert response.status_code in (500, 504)
    assert await room.data() == {"alive": True}


async def test_g6_a_full_mailbox_answers_503(tight):
    """HTTP gets 503 with Retry-After; what was taken is handled."""

    class Busy(Room):
        async def on_request(self, request):
            if request.query_params["n"] == "0":
                await gate(self.id)
            return {"n": request.query_params["n"]}

    room = await tight.define(Busy)
    first = asyncio.create_task(room.request(params={"n": "0"}))
    await room.reached()
    asking = [
        asyncio.create_task(room.request(params={"n": str(n)})) for n in range(1, 41)
    ]
    refused, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    # Room for 20 events; the others are turned away without waiting.
    while len(refused) < 20:
        done, _ = await asyncio.wait(
            set(asking) - refused, return_when=asyncio.FIRST_COMPLETED
        )
        refused |= done
    await room.open_gate()
    answers = [await task for task in [first, *asking]]

    turned_away = [answer for answer in answers if answer.status_code == 503]
    assert len(turned_away) == 20
    assert {answer.headers["retry-after"] for answer in turned_away} == {"1"}
    handled = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(handled) == 21


async def test_g6_a_full_mailbox_stops_the_reading(tight, kind, on):
    """The gateway reads no further: TCP backpressure; nothing is lost."""

    class Busy(Room):
        received = 0

        async def on_message(self, message, sender):
            if not self.received:
                await gate(self.id)
            self.received += len(message)
            if message == b"end":
                sender.send(str(self.received))

    room = await tight.define(Busy)
    size, most = 64 * 1024, 300
    chunk = frame(raw_frames.BINARY, bytes(size))
    patience = on(uvicorn=1, daphne=DEADLINE, instead="reads on without a bound")
    async with raw(tight.server) as client:
        await client.join(room.target("alice"))
        client.writer.transport.set_write_buffer_limits(high=0)
        sent, is_stopped = 0, False
        while sent < most and not is_stopped:
            try:
                sent += 1
                async with asyncio.timeout(patience):
                    await client.send(chunk)
            except TimeoutError:
                is_stopped = True  # The chunk is in this process's own buffer.
        await room.open_gate()
        await client.send(frame(raw_frames.BINARY, b"end"))

        assert await client.frame() == (raw_frames.TEXT, b"%d" % (sent * size + 3))
    assert is_stopped == (kind != "daphne")

"""More than the system can carry: it says whom it has failed, and fails nobody else."""

import socket
from contextlib import AsyncExitStack, suppress

import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from tests.faults.experiments.figures import delays, longest
from tests.faults.experiments.tiers import IN_FULL
from tests.faults.lab.laboratory import IS_LONG, new_room
from tests.servers.client import open_socket

pytestmark = [IN_FULL, pytest.mark.asyncio(loop_scope="module")]

PARTY = "volatile-ledger"

ROOMS, OPS = (10, 500) if IS_LONG else (5, 200)

DEAF = 20 if IS_LONG else 4

BIG = 64 * 1024


async def test_d3_broadcasts_as_fast_as_can_be_reach_all_or_a_code_does(
    deployment, tell
):
    """Every view is contiguous; whoever misses something gets 3010 or 3008."""
    async with deployment() as lab, AsyncExitStack() as stack:
        rooms = [new_room(PARTY) for _ in range(ROOMS)]
        crowds = [await stack.enter_async_context(lab.crowd(room)) for room in rooms]
        for _ in range(OPS):
            for crowd in crowds:
                await crowd.clients[0].send()

        for room, crowd in zip(rooms, crowds, strict=True):
            assert await lab.verdict(room, crowd) == []
            assert set(crowd.close_codes) <= {3008, 3010}
        tell(f"{sum(len(crowd.close_codes) for crowd in crowds)} closed")


async def test_d7_clients_that_never_read_harm_nobody(deployment, tell):
    """Each is closed with 3008; those that read have not missed anything."""
    room = new_room(PARTY)
    async with deployment() as lab:
        gateway = lab.gateways[0]
        async with lab.crowd(room, 3, [gateway]) as crowd, AsyncExitStack() as stack:
            deaf = [
                await deaf_client(lab, room, stack, number) for number in range(DEAF)
            ]
            for client in crowd.clients:
                client.padding = BIG
            before = psutil.Process(gateway.pid).memory_info().rss
            async with crowd.sending():
                # A close is only seen by who reads, but the room hears of it.
                await crowd.progress(300)
            after = psutil.Process(gateway.pid).memory_info().rss

            assert await lab.verdict(room, crowd) == []
            assert crowd.close_codes == []
            assert [await last_code(one) for one in deaf] == [3008] * DEAF
            tell(
                f"the gateway grew by {(after - before) / 2**20:.0f} MiB for {DEAF}; "
                f"answers after {longest(delays(crowd))}"
            )


async def deaf_client(lab, room, stack, number):
    """A connected client that does not read, and whose kernel keeps little for it."""
    raw = socket.create_connection(("127.0.0.1", lab.gateways[0].port))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
    raw.setblocking(False)
    url = f"{lab.address(room)}?_pk=deaf{number}"
    client = await open_socket(url, sock=raw, max_queue=1)
    stack.callback(client.transport.abort)
    return client


async def last_code(client):
    """Read to the end after all; the code it was closed with."""
    with suppress(ConnectionClosed):
        while True:
            await client.receive()
    return client.close_code

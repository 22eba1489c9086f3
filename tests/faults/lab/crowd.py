"""Many clients of one room, which work and come back whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.deadline import DEADLINE
from tests.faults.lab.clients import Client
from tests.faults.lab.history import Visit
from tests.faults.lab.news import News

WINDOW = 20
"""Ops that a client sends on without having been told of the first."""


class Crowd:
    """
    Clients that are connected, or on their way back; ``crowd()`` makes it.

    Attributes:
        clients: All of them.
        news: Spread whenever one of them hears something.
    """

    def __init__(self, clients: list[Client], news: News) -> None:
        self.clients = clients
        self.news = news

    @property
    def visits(self) -> list[Visit]:
        """Every connection; those of one client in their order."""
        return [visit for client in self.clients for visit in client.visits]

    @property
    def close_codes(self) -> list[int]:
        """How the connections ended that did."""
        codes = [visit.close_code for visit in self.visits]
        return [code for code in codes if code is not None]

    @property
    def newest_epoch(self) -> int:
        """The highest one that a client has heard of on its present connection."""
        return max(client.seen[0] for client in self.clients)

    @property
    def acknowledged(self) -> int:
        """How many ops were, in all."""
        return sum(client.acknowledged for client in self.clients)

    async def progress(self, ops: int, timeout: float = DEADLINE) -> None:
        """Wait until so many further ops were acknowledged."""
        due = self.acknowledged + ops
        await self.news.until(lambda: self.acknowledged >= due, timeout)

    async def everybody_is_back(self) -> None:
        """Wait until all are connected."""
        await self.news.until(lambda: all(client.is_open for client in self.clients))

    @asynccontextmanager
    async def sending(self, pause: float = 0.02) -> AsyncIterator[None]:
        """
        Let each client send on and on for the block.

        Args:
            pause: Seconds between two ops of one client.
        """
        async with running(keep_sending(client, pause) for client in self.clients):
            yield


@asynccontextmanager
async def crowd(
    number: int, address: Callable[[int], str], name: str, news: News
) -> AsyncIterator[Crowd]:
    """
    Clients that are connected, and come back when they are closed, for the block.

    Args:
        number: How many.
        address: The room's URL for each of them, asked at each handshake.
        name: What their ids begin with.
        news: Spread whenever one of them hears something.
    """
    clients = [
        Client(f"{name}{n}", lambda n=n: address(n), news) for n in range(number)
    ]
    people = Crowd(clients, news)
    async with running(client.run() for client in clients):
        await people.everybody_is_back()
        yield people


async def settle(clients: Sequence[Client]) -> bool:
    """
    Wait until everything sent is answered and everybody has seen everything.

    Returns:
        Whether that came to be.
    """
    news = clients[0].news
    try:
        await news.until(
            lambda: all(one.is_open and not one.unanswered for one in clients)
        )
        last = await clients[0].ask()
        due = (last.epoch, last.position)
        await news.until(lambda: all(one.seen >= due for one in clients))
    except TimeoutError:
        return False
    return True


async def keep_sending(client: Client, pause: float) -> None:
    """Send op after op, until cancelled."""
    while True:
        await client.news.until(lambda: client.unanswered < WINDOW, 3 * DEADLINE)
        await client.send()
        await asyncio.sleep(pause)


@asynccontextmanager
async def running(work: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run coroutines without an end for the block; what they raise is raised then."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if not isinstance(end, asyncio.CancelledError):
            raise end

"""Whether this process can serve rooms now: each part is asked, and has to answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from partyrooms.cluster.transport import shared_layer
from partyrooms.conf import get_settings
from partyrooms.models import CronRecord, Entry, Node, RoomRecord, Seats
from partyrooms.ports.host import get_host
from partyrooms.server.node import Node as RunningNode

logger = logging.getLogger("partyrooms.health")

PATIENCE = 4.0
"""Seconds that each part may take."""

OK = "ok"

_channels: WeakKeyDictionary[asyncio.AbstractEventLoop, str] = WeakKeyDictionary()
_echoing: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
    WeakKeyDictionary()
)
_told: dict[str, str] = {}


async def readiness() -> dict[str, str]:
    """``database``, ``layer`` and ``rooms``: ``OK``, or what is wrong; logged if so."""
    parts = {"database": _database, "layer": _layer, "rooms": _rooms}
    answers = await asyncio.gather(*(_ask(*part) for part in parts.items()))
    return dict(zip(parts, answers, strict=True))


async def echo(alias: str) -> None:
    """
    Send a message through a channel layer to oneself, and wait for it.

    Raises:
        Exception: Whatever the layer's client raises.
        TimeoutError: If it does not come within ``PATIENCE`` seconds.
    """
    layer, loop, mark = get_channel_layer(alias), asyncio.get_running_loop(), uuid4()
    async with _echoing.setdefault(loop, asyncio.Lock()):
        # One channel for all times: layers forget none that was received from.
        channel = _channels.pop(loop, None) or await layer.new_channel()
        async with asyncio.timeout(PATIENCE):
            await layer.send(channel, {"type": "partyrooms.echo", "mark": mark.hex})
            while (await layer.receive(channel)).get("mark") != mark.hex:
                pass  # It is of an earlier look, which did not wait for it.
        _channels[loop] = channel


async def _ask(name: str, work: Callable[[], Awaitable[str]]) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await work()
    except Exception as error:  # of a driver, of a client: the text is for the log
        answer, detail = "does not answer", f"{type(error).__name__}: {error}"
    else:
        detail = answer
    # Probes come every few seconds: a change is news, its repetition is not.
    if answer != _told.get(name, OK):
        logger.log(
            logging.INFO if answer == OK else logging.WARNING,
            "Readiness of %s: %s",
            name,
            detail,
            extra={"action": "readiness_changed"},
        )
    _told[name] = answer
    return answer


async def _database() -> str:
    await sync_to_async(_read_every_table)(get_settings().database)
    return OK


def _read_every_table(alias: str) -> None:
    # All columns of no row: a table, or a column, that is to be migrated is missed.
    for model in (RoomRecord, Entry, Seats, CronRecord):
        list(model._default_manager.using(alias).filter(pk=-1))
    list(Node.objects.using(alias).filter(pk=UUID(int=0)))


async def _layer() -> str:
    alias = get_settings().channel_layer
    if shared_layer(alias) is not None:
        await get_host().run_on(get_host().loop(), lambda: echo(alias))
    return OK


async def _rooms() -> str:
    return await get_host().run(_reaches_rooms)


async def _reaches_rooms(node: RunningNode) -> str:
    if node.is_leaving:
        return "this process is going away"
    if node.settings.owners == "any":
        return OK
    places = await node.store.places()
    return OK if any(one.takes_rooms for one in places) else "no worker runs"

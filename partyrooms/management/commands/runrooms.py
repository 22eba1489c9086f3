"""``manage.py runrooms``: a process that owns rooms and serves no socket."""

import asyncio
import logging
import os
import signal
import sys
from functools import partial
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from partyrooms.cluster.transport import shared_layer
from partyrooms.conf import get_settings
from partyrooms.core.keys import RoomKey
from partyrooms.nodes.quarantine import quarantine
from partyrooms.server.node import Node
from partyrooms.server.start import start_node

logger = logging.getLogger("partyrooms.runtime")

SUCCESSOR_TIME = 4.0
"""Seconds that the last worker waits for the next one. With ``FLUSH_TIME`` it is less
than what Docker gives a container, 10 s."""


class Command(BaseCommand):
    """Run rooms for the web processes, until SIGTERM or SIGINT."""

    help = (
        "Run rooms for the web processes, reached over the channel layer. SIGTERM and "
        "SIGINT hand the rooms over to other workers, then end; the second one ends at "
        "once."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        settings = get_settings()
        if shared_layer(settings.channel_layer) is None:
            raise CommandError(
                f"CHANNEL_LAYERS[{settings.channel_layer!r}] reaches no other process, "
                "so nobody could use these rooms. Configure "
                "channels_redis.pubsub.RedisPubSubChannelLayer there."
            )
        asyncio.run(self.serve())

    async def serve(self) -> None:
        """Own rooms until a signal says to stop."""
        settings = get_settings()
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked.set)
        while True:
            node = start_node(is_worker=True)
            node.watchdog.on_stuck = partial(replace_process, node, settings.database)
            await first_of(asked, node.ended, node.cluster.known)
            if node.cluster.known.is_set():
                # A script that waits for this line may stop the next worker: rooms
                # can be handed over.
                self.stdout.write(f"Worker {node.name} runs rooms; SIGTERM ends it.")
                self.stdout.flush()
            await first_of(asked, node.ended)
            if asked.is_set():
                await self.leave(node, loop)
                return
            # Its lease ended: it goes on as a new node, which owns nothing yet.

    async def leave(self, node: Node, loop: asyncio.AbstractEventLoop) -> None:
        """Hand the rooms over; a second signal ends the process as it is."""
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        logger.info("Worker %s gives its rooms away", node.name)
        await node.close(SUCCESSOR_TIME)


def replace_process(node: Node, database: str, culprit: RoomKey) -> None:
    """
    Begin this process anew, without the room that has it; called in a thread.

    The next event of each other room starts it in another process. What the rooms had
    not committed is lost.
    """
    logger.error(
        "%s does not give the event loop back: this process is replaced",
        culprit,
        extra={"action": "process_replaced", "room": str(culprit)},
    )
    try:
        quarantine(culprit, UUID(node.name), database=database)
    except Exception:
        logger.exception("%s could not be kept away", culprit)
    logging.shutdown()
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the very same command


async def first_of(*events: asyncio.Event) -> None:
    """Wait until one of several events is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()

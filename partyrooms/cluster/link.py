"""The link with another process: both reliable directions, and what is being sent."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from partyrooms.core.reliable_link import Message, Receiver, Sender
from partyrooms.core.wire.codec import NumberedMessage, Positions

logger = logging.getLogger("partyrooms.cluster")

MAX_MESSAGES = 20_000
MAX_SIZE = 16 * 1024 * 1024
"""How many messages may wait for one process's acknowledgement, and how many bytes."""

ENVELOPE_SIZE = 256 * 1024
"""Bytes of messages after which an envelope is full."""

ACKNOWLEDGE_EACH = 64
"""Messages after which an acknowledgement is sent at once."""

RETRY_DELAY = 0.2
"""Seconds before the layer is tried again after it refused a message."""

QUIET = 1.0
"""
Seconds without an envelope from the other process after which the next one shows that
the layer was away, or the process: what was sent meanwhile may be lost.
"""

Publish = Callable[[Positions, list[NumberedMessage]], Awaitable[None]]
"""Sends an envelope, and raises what the layer raises."""

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class Link:
    """
    The two reliable directions between this process and another one.

    Args:
        node: The other process's id.
        channel: Where it is reached.
        publish: Sends an envelope to the other one's channel.
        on_full: Called with the link if too much waits for an acknowledgement.
        spawn: Starts a task that the cluster owns.
        clock: Seconds that never run backwards.
    """

    def __init__(
        self,
        node: bytes,
        channel: str,
        *,
        publish: Publish,
        on_full: Callable[["Link"], None],
        spawn: Spawn,
        clock: Callable[[], float],
    ) -> None:
        self.node = node
        self.channel = channel
        self._publish = publish
        self._on_full = on_full
        self._spawn = spawn
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._heard_at = clock()
        self._begin(1)

    @property
    def is_full(self) -> bool:
        """Whether nothing should be sent before something is acknowledged."""
        return self._sender.is_full

    @property
    def is_clear(self) -> bool:
        """Whether the other process has everything that was sent to it."""
        return self._sender.stalled(float("inf")) == 0.0

    @property
    def position(self) -> tuple[int, int]:
        """The generation, and up to which number everything has come."""
        return self.generation, self._receiver.acknowledged

    def post(self, message: bytes) -> None:
        """Put a message on the link, or give the link up because it is full."""
        if self.is_full:
            self._on_full(self)
        else:
            self.send(message)

    def send(self, message: bytes) -> None:
        """Put a message on the link, full or not."""
        self._queue.append((self.number(message), message))
        self._wake()

    def number(self, message: bytes) -> int:
        """Put a message on the link that somebody else sends; its number."""
        return self._sender.push(message, self._clock())

    def acknowledged(self, number: int) -> None:
        """The other process has everything up to a number."""
        self._sender.acknowledge(number, self._clock())

    def heard(self) -> None:
        """An envelope has come from the other process."""
        now = self._clock()
        if now - self._heard_at > QUIET:
            self.hurry()
        self._heard_at = now

    def hurry(self) -> None:
        """The layer answers again: send what waits, and say what has come."""
        self._sender.hurry()
        self.greet()

    def receive(self, number: int, message: bytes) -> list[bytes]:
        """Take a message from the layer; what can be handed on now, in order."""
        self._owed += 1
        if self._owed >= ACKNOWLEDGE_EACH:
            self._wake()
        return self._receiver.receive(number, message)

    def tick(self, now: float) -> float:
        """
        Send what is due: messages again, an acknowledgement.

        Returns:
            Seconds since the other process acknowledged anything of what waits.
        """
        again = self._sender.due(now)
        queued = {number for number, _ in self._queue}
        self._queue.extend(message for message in again if message[0] not in queued)
        if self._queue or self._owed:
            self._wake()
        return self._sender.stalled(now)

    def renew(self, generation: int) -> None:
        """Forget what is under way in both directions and begin anew."""
        self._begin(generation)
        self._owed = 1  # so that the other end learns of the generation
        self._wake()

    def greet(self) -> None:
        """Send the other end the generation and what has come."""
        self._owed += 1
        self._wake()

    async def flush(self) -> None:
        """Wait until nothing is being sent; safe to cancel."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _begin(self, generation: int) -> None:
        self.generation = generation
        self._sender = Sender(max_messages=MAX_MESSAGES, max_size=MAX_SIZE)
        self._receiver = Receiver()
        self._queue: list[Message] = []
        self._owed = 0

    def _wake(self) -> None:
        if self._task is None:
            self._task = self._spawn(self._send_queue())

    async def _send_queue(self) -> None:
        try:
            while self._queue or self._owed:
                messages = self._take()
                self._owed = 0
                try:
                    await self._publish({self.node: self.position}, messages)
                # Redis clients and layers raise whatever they like when the server is
                # away or full; the messages are kept, and due again later.
                except Exception as error:
                    logger.warning(
                        "The channel layer refused a message to %s: %r",
                        self.channel,
                        error,
                        extra={"action": "publish_failed"},
                    )
                    await asyncio.sleep(RETRY_DELAY)
        finally:
            self._task = None

    def _take(self) -> list[NumberedMessage]:
        size = count = 0
        for _, message in self._queue:
            size += len(message)
            count += 1
            if size >= ENVELOPE_SIZE:
                break
        taken, self._queue = self._queue[:count], self._queue[count:]
        return [({self.node: number}, message) for number, message in taken]

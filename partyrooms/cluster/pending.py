"""What this process has asked rooms in other ones, and who awaits each answer."""

from asyncio import Future
from collections.abc import Container, Iterator
from typing import TYPE_CHECKING, Any

from partyrooms.cluster.link import Link
from partyrooms.cluster.replies import outcome
from partyrooms.cluster.streams import IncomingStreams
from partyrooms.core import wire as wire
from partyrooms.core.frames import Answer, AnswerKind

if TYPE_CHECKING:
    from partyrooms.cluster.route import Route

ANSWERS = (wire.Answered, wire.Returned, wire.Failed)
STREAMED = (wire.Streamed, wire.StreamOver)


class PendingRequests:
    """
    Questions under way, by number.

    Args:
        numbers: Gives each its own.
    """

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self._incoming = IncomingStreams()
        self._waiting: dict[int, tuple[Route, Future[Any]]] = {}

    def add(self, route: "Route", reply: "Future[Any]") -> int:
        """Number a question; its answer is for whoever awaits the reply."""
        number = next(self._numbers)
        # Asked again, of another owner: the first one has not heard of it.
        for old in [n for n, (_, one) in self._waiting.items() if one is reply]:
            del self._waiting[old]
        self._waiting[number] = route, reply
        return number

    def fail(
        self, route: "Route", error: Exception, *, keep: Container[Any] = ()
    ) -> None:
        """
        What was asked on a route will not be answered any more.

        Args:
            route: The way.
            error: What those who asked are told.
            keep: What is asked again.
        """
        waiting = self._waiting.items()
        asked = [(n, reply) for n, (one, reply) in waiting if one is route]
        for number, reply in asked:
            if reply not in keep:
                self._answer(number, error)

    def receive(self, link: Link, message: Any) -> None:
        """Take one of ``ANSWERS``, or of ``STREAMED``, which follow an answer."""
        if isinstance(message, STREAMED):
            self._incoming.receive(message)
            return
        result = outcome(message)
        if isinstance(result, Answer) and result.kind is AnswerKind.STREAM:
            result.stream = self._incoming.source(link, message.ask)
            _, reply = self._waiting.get(message.ask, (None, None))
            if reply is None or reply.done():
                result.stream.leave()  # Whoever asked has gone.
        self._answer(message.ask, result)

    def broken(self, link: Link) -> None:
        """Streams that were under way from a process are lost."""
        self._incoming.broken(link)

    def _answer(self, number: int, result: Any) -> None:
        _, reply = self._waiting.pop(number, (None, None))
        if reply is None or reply.done():
            return
        if isinstance(result, Exception):
            reply.set_exception(result)
        else:
            reply.set_result(result)

"""What this process has asked rooms in other ones, and who awaits each answer."""

from asyncio import Future
from collections.abc import Container, Iterator
from typing import Any

from partyrooms.cluster.link import Link
from partyrooms.cluster.replies import decode_reply
from partyrooms.cluster.streams import IncomingStreams
from partyrooms.core.frames import Answer, AnswerKind
from partyrooms.core.wire.replies import FromStream, Reply
from partyrooms.exceptions import PartyroomsError, RoomUnreachable
from partyrooms.usercode import text_of


class PendingRequests:
    """
    Requests under way, by number.

    Attributes:
        streams: What is read of answers.

    Args:
        numbers: Gives each its own.
    """

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self.streams = IncomingStreams()
        self._waiting: dict[int, tuple[object, Future[Any]]] = {}

    def add(self, route: object, reply: "Future[Any]") -> int:
        """Number a request; its answer is for whoever awaits the reply."""
        number = next(self._numbers)
        # Asked again, of another owner: the first one has not handled it.
        for old in [n for n, (_, one) in self._waiting.items() if one is reply]:
            del self._waiting[old]
        self._waiting[number] = route, reply
        # Whatever ends it otherwise: a caller that left, an event that cannot be sent.
        reply.add_done_callback(lambda _: self._waiting.pop(number, None))
        return number

    def fail(self, route: object, error: Exception, keep: Container[Any] = ()) -> None:
        """
        What was asked on a route will not be answered any more.

        Args:
            route: The way.
            error: What is raised at those who asked.
            keep: The replies to what is asked again.
        """
        for number, (one, reply) in tuple(self._waiting.items()):
            if one is route and reply not in keep:
                self._end(number, error)

    def broken(self, link: Link, *, is_dead: bool) -> None:
        """
        What was asked of a process as a whole, or is read of it, does not come.

        A dead one has neither rooms nor sockets: it answers None.
        """
        self.streams.broken(link)
        error = RoomUnreachable("The link to a process broke; ask again.")
        for number, (one, _) in tuple(self._waiting.items()):
            if one is link:
                self._end(number, None if is_dead else error)

    def receive(self, link: Link, message: Reply | FromStream) -> None:
        """Give a reply to who awaits it, and a stream to who reads it."""
        if isinstance(message, FromStream):
            self.streams.receive(message)
            return
        try:
            result = decode_reply(message)
        except Exception as error:  # it is the fault of no other request
            result = PartyroomsError(f"The reply cannot be read: {text_of(error)}")
        if isinstance(result, Answer) and result.kind is AnswerKind.STREAM:
            result.stream = self.streams.source(link, message.request_id)
            _, reply = self._waiting.get(message.request_id, (None, None))
            if reply is None or reply.done():
                result.stream.leave()  # Nobody awaits it any more.
        self._end(message.request_id, result)

    def _end(self, number: int, result: Any) -> None:
        _, reply = self._waiting.pop(number, (None, None))
        if reply is None or reply.done():
            return
        if isinstance(result, Exception):
            reply.set_exception(result)
        else:
            reply.set_result(result)

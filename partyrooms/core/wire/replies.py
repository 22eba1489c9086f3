"""What becomes of a request: an answer, a result, a stream, or a failure."""

from typing import Any

from partyrooms.core.frames import Answer
from partyrooms.core.wire.message import Message


class AboutRequest(Message):
    """
    What concerns one request, whatever became of the route since.

    Attributes:
        request_id: As in ``to_room.Awaited``.
    """

    request_id: int


class Asked(AboutRequest):
    """
    A process as a whole is asked, by no route: see ``runtime.everywhere``.

    Attributes:
        name: What it is to do.
        arguments: With what.
    """

    name: str
    arguments: dict[str, Any]


class Reply(AboutRequest):
    """How a request ended; a stream may follow."""


class Answered(Reply):
    """The answer to ``Requested``."""

    answer: Answer


class Returned(Reply):
    """The result of any other request, as JSON."""

    result: bytes


class Failed(Reply):
    """
    The request came to nothing.

    Attributes:
        error: The name of the exception's class.
        text: Its message.
        kind: What a method raised, where ``error`` is ``CallFailed``.
    """

    error: str
    text: str
    kind: str = ""


class FromStream(AboutRequest):
    """From the room's end of a stream that ``Answered`` has promised."""


class Streamed(FromStream):
    """More of the stream."""

    data: bytes


class StreamOver(FromStream):
    """The stream has ended; ``failed``: before its generator did."""

    failed: bool


class ToStream(AboutRequest):
    """From the reader of a stream."""


class Granted(ToStream):
    """So many bytes more may come."""

    size: int


class StreamLeft(ToStream):
    """Nobody reads any further."""

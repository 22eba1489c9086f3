"""What becomes of a question: an answer, a result, a stream, or nothing."""

import msgspec

from partyrooms.core.frames import Answer


class Reply(msgspec.Struct, kw_only=True, array_like=True, tag=True):
    """
    What became of a question, whatever became of the route since.

    Attributes:
        ask: The gateway's number of the question.
    """

    ask: int


class Answered(Reply):
    """An answer to ``Asked``."""

    answer: Answer


class Returned(Reply):
    """The result of ``Called`` or ``StopAsked``, as JSON."""

    result: bytes


class Streamed(Reply):
    """More of the stream that ``Answered`` has promised."""

    data: bytes


class StreamOver(Reply):
    """A stream has ended; ``failed``: before its generator did."""

    failed: bool


class Granted(Reply):
    """From the reader of a stream: so many bytes more may come."""

    size: int


class StreamLeft(Reply):
    """From the reader of a stream: it reads no further."""


class Failed(Reply):
    """
    ``Asked``, ``Called`` or ``StopAsked`` came to nothing.

    Attributes:
        error: The name of the exception's class.
        text: What it says.
        kind: What a method raised, where ``error`` is ``CallFailed``.
    """

    error: str
    text: str
    kind: str = ""

"""What became of a request, on its way back to another process."""

import asyncio
import json
from asyncio import Future
from typing import Any, TypeVar

import msgspec

from partyrooms import exceptions
from partyrooms.cluster.link import Link
from partyrooms.cluster.streams import OutgoingStreams
from partyrooms.core.frames import Answer
from partyrooms.core.wire.codec import encode_message
from partyrooms.core.wire.replies import Answered, Failed, Reply, Returned
from partyrooms.exceptions import (
    CallCycle,
    CallFailed,
    PartyroomsError,
    RoomStopped,
    RoomUnreachable,
)
from partyrooms.usercode import text_of

Error = TypeVar("Error", bound=Exception)


class Replies:
    """
    Sends one other process what becomes of its requests here.

    Attributes:
        streams: What it reads of answers.

    Args:
        link: The link with it.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self.streams = OutgoingStreams(link)

    def promise(self, request_id: int) -> "Future[Any]":
        """A future whose outcome is sent, whatever becomes of the route."""
        reply: Future[Any] = asyncio.get_running_loop().create_future()
        reply.add_done_callback(lambda done: self._send(request_id, done))
        return reply

    def _send(self, request_id: int, done: "Future[Any]") -> None:
        try:
            reply = encode_reply(request_id, done)
            data = encode_message(reply)
        except Exception as error:  # whatever the room's code has put into it
            text = f"The reply cannot be sent to another process: {text_of(error)}"
            kind = type(error).__name__
            reply = Failed(request_id=request_id, error=kind, text=text)
            data = encode_message(reply)
        self.link.post(data)
        if done.cancelled() or done.exception() is not None:
            return
        stream = getattr(done.result(), "stream", None)
        if stream is not None:
            if isinstance(reply, Answered):
                self.streams.begin(request_id, stream)
            else:
                stream.leave()  # Nobody will read it.


def encode_reply(request_id: int, done: "Future[Any]") -> Reply:
    """The message that says how a request ended: done or cancelled."""
    if done.cancelled():
        return Failed(
            request_id=request_id, error=RoomStopped.__name__, text="It stopped."
        )
    error = done.exception()
    if isinstance(error, CallFailed):
        name, text, kind = CallFailed.__name__, error.text, error.error_type
        return Failed(request_id=request_id, error=name, text=text, kind=kind)
    if error is not None:
        name, text = type(error).__name__, text_of(error)
        return Failed(request_id=request_id, error=name, text=text)
    result = done.result()
    if isinstance(result, Answer):
        answer = msgspec.structs.replace(result, stream=None)
        return Answered(request_id=request_id, answer=answer)
    return Returned(request_id=request_id, result=json.dumps(result).encode())


def decode_reply(message: Reply) -> Any:
    """A result, or the exception that the owner named, or one that it is a kind of."""
    match message:
        case Answered(answer=answer):
            return answer
        case Returned(result=result):
            return json.loads(result)
        case Failed(error="CallFailed", text=text, kind=kind):
            return CallFailed(kind, text)
        case Failed(error=name, text=text):
            # Known errors are made again of their text; others become the root class.
            error = named(name, RoomUnreachable, CallCycle)
            return error(text) if error else PartyroomsError(f"{name}: {text}")
    raise TypeError(f"{type(message).__name__} is no reply.")


def named(name: str, *bases: type[Error]) -> type[Error] | None:
    """The class that another process has named, if it is a kind of one of these."""
    found = getattr(exceptions, name, None)
    is_one = isinstance(found, type) and issubclass(found, bases)
    return found if is_one else None

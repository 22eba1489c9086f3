"""What became of a question, on its way back to another process."""

from asyncio import Future
from typing import Any

import msgspec

from partyrooms.core import wire as wire
from partyrooms.exceptions import (
    CallCycle,
    CallFailed,
    PartyroomsError,
    RoomStopped,
    RoomUnreachable,
)
from partyrooms.usercode import text_of


def encode_reply(kind: type[wire.Reply], ask: int, done: "Future[Any]") -> wire.Reply:
    """
    The message that says how a question ended.

    Args:
        kind: ``Answered`` or ``Returned``, for one that ended well.
        ask: Its number.
        done: What was awaited; done or cancelled.
    """
    if done.cancelled():
        return wire.Failed(ask=ask, error=RoomStopped.__name__, text="It stopped.")
    error = done.exception()
    if isinstance(error, CallFailed):
        raised = error.error_type
        return wire.Failed(ask=ask, error="CallFailed", text=error.text, kind=raised)
    if error is not None:
        return wire.Failed(ask=ask, error=type(error).__name__, text=text_of(error))
    if kind is wire.Answered:
        answer = msgspec.structs.replace(done.result(), stream=None)
        return wire.Answered(ask=ask, answer=answer)
    return wire.Returned(ask=ask, result=msgspec.msgpack.encode(done.result()))


def outcome(message: wire.Reply) -> Any:
    """A result, or the exception that the owner named, or one that it is a kind of."""
    match message:
        case wire.Answered(answer=answer):
            return answer
        case wire.Returned(result=result):
            return msgspec.msgpack.decode(result)
        case wire.Failed(error="CallFailed", text=text, kind=kind):
            return CallFailed(kind, text)
        case wire.Failed(error=name, text=text):
            return _error(name, text)
    raise TypeError(f"{type(message).__name__} is no reply.")


def _error(name: str, text: str) -> Exception:
    """Only what is made of one text crosses whole; the rest is that it failed."""
    kinds: list[type[Exception]] = [*_descendants(RoomUnreachable), CallCycle]
    known = {one.__name__: one for one in kinds}
    if name in known:
        return known[name](text)
    return PartyroomsError(f"{name}: {text}")


def _descendants(kind: type[Exception]) -> list[type[Exception]]:
    found = [kind]
    for child in kind.__subclasses__():
        found.extend(_descendants(child))
    return found

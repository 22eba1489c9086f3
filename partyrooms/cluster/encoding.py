"""A room's events on their way to an owner in another process: both ends."""

import logging
from asyncio import Future
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from partyrooms.cluster.remote_socket import RemoteSocket
from partyrooms.cluster.replies import named
from partyrooms.core.frames import Profile
from partyrooms.core.keys import RoomKey
from partyrooms.core.wire import to_room
from partyrooms.core.wire.codec import encode_message
from partyrooms.delivery.request_copy import (
    copy_handshake,
    copy_request,
    restore_handshake,
    restore_request,
)
from partyrooms.exceptions import ConnectionTrouble, PartyroomsError
from partyrooms.ports.sockets import ConnectionContext
from partyrooms.runtime import events
from partyrooms.runtime.events.alarm import AlarmEvent
from partyrooms.usercode import text_of

logger = logging.getLogger("partyrooms.cluster")

Number = Callable[["Future[Any]"], int]
"""Gives whoever awaits a reply the number under which it comes."""


class Receiver(Protocol):
    """
    The owner's end of a route.

    Attributes:
        sockets: The gateway's sockets in the room, by its own numbers.
    """

    sockets: dict[int, RemoteSocket]

    @property
    def key(self) -> RoomKey:
        """The room."""

    def add_socket(self, number: int, profile: Profile) -> RemoteSocket:
        """A socket asks to be let in."""

    def promise(self, request_id: int) -> "Future[Any]":
        """A future whose outcome is sent to the gateway."""


def encode_event(event: Any, address: dict[str, Any], number: Number) -> to_room.ToRoom:
    """
    What an event is on its way.

    Args:
        event: What a gateway has put into its route.
        address: The route, and its present join.
        number: Numbers whoever awaits a reply.
    """
    match event:
        case events.Message(socket=socket, payload=payload):
            return to_room.Sent(**address, socket=socket.number, payload=payload)
        case events.Connect(socket=socket, context=context, chain=chain):
            profile, props = socket.profile, dict(context.props)
            return to_room.Opened(
                **address,
                socket=socket.number,
                profile=profile,
                request=copy_handshake(context.request, profile.user_id, props),
                chain=chain,
            )
        case events.SocketError(socket=socket, error=error):
            kind, detail = type(error).__name__, " ".join(map(str, error.args))
            return to_room.SocketFailed(
                **address, socket=socket.number, kind=kind, detail=detail
            )
        case events.Closed(socket=socket, closing=(code, reason), was_clean=was_clean):
            return to_room.Ended(
                **address,
                socket=socket.number,
                code=code,
                reason=reason,
                was_clean=was_clean,
            )
    return _encode_awaited(event, {**address, "request_id": number(event.reply)})


def _encode_awaited(event: Any, address: dict[str, Any]) -> to_room.Awaited:
    match event:
        case events.Request(request=request, chain=chain):
            copy = copy_request(request)
            return to_room.Requested(**address, request=copy, chain=chain)
        case events.Call(name=name, arguments=arguments, chain=chain):
            given = msgspec.msgpack.encode(arguments)
            return to_room.Called(**address, name=name, arguments=given, chain=chain)
        case AlarmEvent(at=at):
            return to_room.AlarmDue(**address, at=at)
        case events.End(delete=delete):
            return to_room.StopRequested(**address, delete=delete)
    raise TypeError(f"{type(event).__name__} cannot cross to another process.")


def encode_or_fail(
    event: events.Event, address: dict[str, Any], number: Number, key: RoomKey
) -> bytes | None:
    """
    An event as it is sent; None: it cannot be, and has failed alone.

    Args:
        event: As for ``encode_event``; so are the address and the number.
        key: The room that it is for.
    """
    try:
        return encode_message(encode_event(event, address, number))
    except Exception as error:  # whatever the project's code has put into it
        _fail_unsent(event, key, error)
    return None


def _fail_unsent(event: events.Event, key: RoomKey, error: Exception) -> None:
    text = (
        f"{type(event).__name__} cannot be sent to the process that runs {key}: "
        f"{text_of(error)}"
    )
    logger.error(text, extra={"action": "event_unsent", "room": str(key)})
    event.abandon(ValueError(text))


def decode_event(message: to_room.ToRoom, receiver: Receiver) -> events.Event | None:
    """The event that a message is at the owner; None: it comes to nothing."""
    match message:
        case to_room.Opened(socket=number, profile=profile, request=copy, chain=chain):
            socket = receiver.add_socket(number, profile)
            handshake: Any = restore_handshake(copy)
            context = ConnectionContext(handshake, handshake.props)
            return events.Connect(socket, context, chain=chain)
        case to_room.Awaited(request_id=request_id):
            return _decode_awaited(message, receiver, request_id)
        case to_room.FromSocket(socket=number) if number not in receiver.sockets:
            return None
        case to_room.Sent(socket=number, payload=payload):
            return events.Message(receiver.sockets[number], payload)
        case to_room.SocketFailed(socket=number, kind=name, detail=detail):
            kind = named(name, ConnectionTrouble) or ConnectionTrouble
            return events.SocketError(receiver.sockets[number], kind(detail))
        case to_room.Ended(socket=number, code=code, reason=reason, was_clean=is_clean):
            socket = receiver.sockets.pop(number)
            socket.is_gone = True
            return events.Closed(socket, (code, reason), is_clean)
    return None


def _decode_awaited(
    message: to_room.Awaited, receiver: Receiver, request_id: int
) -> events.Event | None:
    match message:
        case to_room.Requested(request=copy, chain=chain):
            request = restore_request(copy, receiver.key)
            return events.Request(request, receiver.promise(request_id), chain=chain)
        case to_room.Called(name=name, arguments=arguments, chain=chain):
            given, reply = (
                msgspec.msgpack.decode(arguments),
                receiver.promise(request_id),
            )
            return events.Call(name, given, reply, chain=chain)
        case to_room.AlarmDue(at=at):
            return AlarmEvent(at, receiver.promise(request_id))
    return None  # The session does what ``StopRequested`` asks for.


def unreadable(
    message: to_room.ToRoom, receiver: Receiver, error: Exception
) -> events.Event:
    """What stands for a message of which ``decode_event`` could make no event."""
    text = f"{type(message).__name__} for {receiver.key} cannot be read: "
    text += text_of(error)
    logger.error(text, extra={"action": "event_unreadable", "room": str(receiver.key)})
    failed = PartyroomsError(text)
    match message:
        case to_room.Awaited(request_id=request_id):
            return events.Unreadable(failed, reply=receiver.promise(request_id))
        case to_room.FromSocket(socket=number):
            return events.Unreadable(failed, socket=receiver.sockets.get(number))
    return events.Unreadable(failed)

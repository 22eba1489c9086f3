"""A room's events as messages of a link, for an owner in another process."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from partyrooms.core import wire as wire
from partyrooms.delivery.request_copy import copy_handshake, copy_request
from partyrooms.runtime import events
from partyrooms.runtime.events.alarm import AlarmEvent

if TYPE_CHECKING:
    from asyncio import Future


def encode_event(
    event: Any, address: dict[str, int], ask: "Callable[[Future[Any]], int]"
) -> Any:
    """
    What an event is on its way.

    Args:
        event: What a gateway has put into its route.
        address: The route, and its present join.
        ask: Gives a question its number; the answer is for whoever awaits the reply.
    """
    match event:
        case events.Message(socket=socket, payload=payload):
            return wire.Sent(**address, socket=socket.number, payload=payload)
        case events.Connect(socket=socket, context=context, chain=chain):
            profile = socket.profile
            request = copy_handshake(
                context.request, profile.user_id, dict(context.props)
            )
            return wire.Opened(
                **address,
                socket=socket.number,
                profile=profile,
                request=request,
                chain=chain,
            )
        case events.Closed(socket=socket, closing=(code, reason), was_clean=was_clean):
            return wire.Ended(
                **address,
                socket=socket.number,
                code=code,
                reason=reason,
                was_clean=was_clean,
            )
        case events.SocketError(socket=socket, error=error):
            return wire.SocketFailed(
                **address,
                socket=socket.number,
                kind=type(error).__name__,
                detail=" ".join(map(str, error.args)),
            )
        case events.Request(request=request, chain=chain):
            copy = copy_request(request)
            number = ask(event.reply)
            return wire.Asked(**address, ask=number, request=copy, chain=chain)
        case events.Call(name=name, arguments=arguments, chain=chain):
            return wire.Called(
                **address,
                ask=ask(event.reply),
                name=name,
                arguments=msgspec.msgpack.encode(arguments),
                chain=chain,
            )
        case AlarmEvent(at=at):
            return wire.AlarmDue(**address, ask=ask(event.reply), at=at)
        case events.End(delete=delete):
            return wire.StopAsked(**address, ask=ask(event.reply), delete=delete)
    raise TypeError(f"{type(event).__name__} cannot cross to another process.")

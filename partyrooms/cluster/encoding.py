"""A room's events as items of a link, for an owner in another process."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from partyrooms.core import wire as items
from partyrooms.delivery.request_copy import copy_handshake, copy_request
from partyrooms.runtime import events
from partyrooms.runtime.events.alarms import Ring

if TYPE_CHECKING:
    from asyncio import Future


def as_item(
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
        case events.Message(line=line, payload=payload):
            return items.Sent(**address, line=line.number, payload=payload)
        case events.Connect(line=line, context=context, chain=chain):
            profile = line.profile
            request = copy_handshake(
                context.request, profile.user_id, dict(context.props)
            )
            return items.Opened(
                **address,
                line=line.number,
                profile=profile,
                request=request,
                chain=chain,
            )
        case events.Closed(line=line, closing=(code, reason), was_clean=was_clean):
            return items.Ended(
                **address,
                line=line.number,
                code=code,
                reason=reason,
                was_clean=was_clean,
            )
        case events.Trouble(line=line, error=error):
            return items.Troubled(
                **address,
                line=line.number,
                kind=type(error).__name__,
                detail=" ".join(map(str, error.args)),
            )
        case events.Request(request=request, chain=chain):
            copy = copy_request(request)
            number = ask(event.reply)
            return items.Asked(**address, ask=number, request=copy, chain=chain)
        case events.Call(name=name, arguments=arguments, chain=chain):
            return items.Called(
                **address,
                ask=ask(event.reply),
                name=name,
                arguments=msgspec.msgpack.encode(arguments),
                chain=chain,
            )
        case Ring(at=at):
            return items.Rung(**address, ask=ask(event.reply), at=at)
        case events.End(delete=delete):
            return items.StopAsked(**address, ask=ask(event.reply), delete=delete)
    raise TypeError(f"{type(event).__name__} cannot cross to another process.")

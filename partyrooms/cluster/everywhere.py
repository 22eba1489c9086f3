"""Has something done in every process: one message to each, and one answer."""

import asyncio
from collections.abc import Mapping
from typing import Any

from partyrooms.cluster.context import Context
from partyrooms.core.wire.codec import encode_message
from partyrooms.core.wire.replies import Asked
from partyrooms.exceptions import RoomUnreachable
from partyrooms.runtime.everywhere import act


async def ask_everywhere(
    context: Context, name: str, arguments: Mapping[str, Any]
) -> list[Any]:
    """
    Do one of ``runtime.everywhere`` here, and have all living processes do it.

    Returns:
        What each answered; a process that died meanwhile has nothing to say.

    Raises:
        RoomUnreachable: If one did not answer within ``CONNECT_TIMEOUT``, or its link
            broke; it may have done it all the same.
    """
    loop = asyncio.get_running_loop()
    replies: list[asyncio.Future[Any]] = []
    for place in await context.environment.store.places():
        if place.node != context.node_id and place.channel:
            link, reply = context.link_to(place), loop.create_future()
            number = context.pending.add(link, reply)
            asked = Asked(request_id=number, name=name, arguments=dict(arguments))
            link.post(encode_message(asked))
            replies.append(reply)
    results = [act(context.rooms, name, arguments)]
    try:
        async with asyncio.timeout(context.environment.settings.connect_timeout):
            results += await asyncio.gather(*replies)
    except TimeoutError as error:
        raise RoomUnreachable(
            "A process did not answer within CONNECT_TIMEOUT; the others have done it."
        ) from error
    finally:
        for reply in replies:
            reply.cancel()
    return [one for one in results if one is not None]

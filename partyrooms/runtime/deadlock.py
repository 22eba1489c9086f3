"""
Rooms that wait for one another: a circle is found at once, not by a timeout.

A room handles one event at a time, so a hook that waits for another room's answer keeps
its own room from every other event. If that room waits for this one, directly or
through others, none of them can ever go on. There are two ways into such a circle:

* The answer itself needs this room: a calls b, and b's method calls a. Each question
  carries the *chain* of the rooms that wait for its answer; who is in the chain cannot
  be asked, and hears so before anything is sent.
* Two rooms ask each other at the same moment; neither has handled the other's question.
  While a hook waits, its room sends *probes* along: to the room that it waits for, from
  there to the room which that one's hook waits for, and so on. A probe that comes back
  to its sender has found a circle (Chandy, Misra and Haas, "Distributed deadlock
  detection", 1983).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import CallCycle
from partyrooms.ports.rooms import Chain, RoomInbox
from partyrooms.runtime.turn import Turn, current

PROBE_INTERVAL = 0.25
"""Seconds that a hook waits for another room before it looks for a circle, and between
two looks."""


async def wait_for(
    key: RoomKey, inbox: RoomInbox, ask: Callable[[Chain], Awaitable[Any]]
) -> Any:
    """
    Ask a room and wait, unless the room of the running hook would wait for itself.

    Args:
        key: The room.
        inbox: The way to it.
        ask: Puts the question, which carries the chain that it is given.

    Raises:
        CallCycle: If it would; or if it does, for others have asked meanwhile.
    """
    turn = current.get()
    # Nobody waits for code that no event has begun, as in create_task.
    if turn is None or not turn.is_open or not turn.chain:
        return await ask(())
    chain = turn.chain
    if str(key) in chain:
        raise _cycle((*chain[chain.index(str(key)) :], str(key)))
    reply = asyncio.ensure_future(ask(chain))
    circle: asyncio.Future[Chain] = asyncio.get_running_loop().create_future()
    turn.waits = turn.waits or {}
    turn.waits[circle] = (key, inbox)
    try:
        while not reply.done() and not circle.done():
            await asyncio.wait(
                {reply, circle},
                timeout=PROBE_INTERVAL,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not reply.done():
                inbox.probe((chain[-1],))
        if not reply.done():
            raise _cycle(circle.result())
        return reply.result()
    finally:
        del turn.waits[circle]
        reply.cancel()


def pass_on(turn: Turn, probe: Chain) -> None:
    """
    Send a probe to where a turn waits; end one wait if it closes a circle.

    Args:
        turn: Of the hook that is running in the room that the probe has come to.
        probe: Rooms that wait, each for the next one, the last one for this hook.
    """
    if not turn.chain:
        return
    chain = (*probe, turn.chain[-1])
    for circle, (key, inbox) in tuple((turn.waits or {}).items()):
        if str(key) not in chain:
            inbox.probe(chain)
        # Each room of a circle finds it; one that gives up is enough.
        elif str(key) == chain[0] == min(chain) and not circle.done():
            circle.set_result((*chain, str(key)))


def _cycle(circle: Chain) -> CallCycle:
    return CallCycle(
        f"{' waits for '.join(circle)}: none of them could go on. Make the call with "
        "on_commit=True or in self.create_task(), where the room does not wait for it."
    )

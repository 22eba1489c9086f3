"""Where a class's own hooks stand that belong to no room: before one, or beside all."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async

from partyrooms import registry
from partyrooms.api.parties import Parties, parties
from partyrooms.core.paths import MAIN_PARTY
from partyrooms.core.plain import for_thread
from partyrooms.usercode import contained


@dataclass(frozen=True, slots=True)
class Lobby:
    """
    What a hook that is a class method is told of where it stands.

    Attributes:
        party: The name of the class's party.
        room_id: Which room a before-hook stands in front of; it comes from the client.
            Empty: no room at all.
        parties: Every room: ``lobby.parties["chat"].get("lobby")``.
    """

    party: str
    room_id: str
    parties: Parties


def main_hook(name: str) -> Callable[..., Any] | None:
    """A class method of the party ``main``; None: there is no such party, or method."""
    room_class = registry.find(MAIN_PARTY)
    return None if room_class is None else getattr(room_class, name, None)


def main_lobby() -> Lobby:
    """Where the hooks of the party ``main`` stand that are about no room."""
    return Lobby(MAIN_PARTY, "", parties)


async def call_hook(hook: Callable[..., Any], subject: Any, lobby: Lobby) -> Any:
    """
    Run a hook; one that is a plain function runs in the thread for sync code.

    Raises:
        CancelledError: If the task that runs it was cancelled.
        Exception: What the hook raised; of what is none, a ``RuntimeError``.
    """
    task = asyncio.current_task()
    cancelled = 0 if task is None else task.cancelling()
    try:
        return await _returned(hook, subject, lobby)
    except asyncio.CancelledError as raised:
        if task is None or task.cancelling() > cancelled:
            raise
        raise RuntimeError(f"{_name(hook)} was left by a CancelledError") from raised
    except BaseException as raised:
        error = contained(raised, _name(hook))
        raise error from error.__cause__


def _name(hook: Callable[..., Any]) -> str:
    return getattr(hook, "__qualname__", repr(hook))


async def _returned(hook: Callable[..., Any], subject: Any, lobby: Lobby) -> Any:
    returned = hook if iscoroutinefunction(hook) else sync_to_async(for_thread(hook))
    result: Any = await returned(subject, lobby)
    if isawaitable(result):  # a plain def that returned what a coroutine function made
        awaitable: Awaitable[Any] = result
        return await awaitable
    return result

"""
The rooms of this process, as the project's code reaches them from wherever it runs.

The layers that use rooms stand below the one that builds a node. As with Django's
``get_channel_layer()``, what does it is found by a dotted path.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import Context
from functools import cache
from typing import Any, Protocol, TypeVar

from django.utils.module_loading import import_string

from partyrooms.core.keys import RoomKey
from partyrooms.ports.rooms import RoomInbox

HOST = "partyrooms.server.host.host"
"""The dotted path of this process's ``Host``."""

Result = TypeVar("Result")


class RunningNode(Protocol):
    """The node of one event loop."""

    @property
    def is_leaving(self) -> bool:
        """Whether its process is about to end, so that no socket may begin."""

    def inbox(self, key: RoomKey) -> RoomInbox:
        """The way into a room; nothing is started before the first event."""

    async def everywhere(self, name: str, arguments: Mapping[str, Any]) -> list[Any]:
        """
        Have one of ``runtime.everywhere`` done in all processes; their answers.

        Raises:
            RoomUnreachable: If a process did not answer, or none can be reached.
        """

    def spawn(
        self, coroutine: Coroutine[Any, Any, None], *, context: Context | None = None
    ) -> "asyncio.Task[None]":
        """Start a task that ends with the node at the latest."""


class Host(Protocol):
    """Finds the event loop where this process has its rooms."""

    def loop(self) -> asyncio.AbstractEventLoop:
        """That event loop; one in a thread is started if there is none."""

    def node(self) -> Any:
        """The running event loop's ``RunningNode``, started if there is none."""

    async def run(self, work: Callable[[Any], Awaitable[Result]]) -> Result:
        """
        Await something that is given the process's ``RunningNode``, on its loop.

        Cancelling cancels the work.
        """

    async def run_on(
        self, loop: asyncio.AbstractEventLoop, work: Callable[[], Awaitable[Result]]
    ) -> Result:
        """Await something on another event loop, or on this one."""


@cache
def get_host() -> Host:
    """This process's host."""
    found: Host = import_string(HOST)
    return found

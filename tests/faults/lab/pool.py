"""Laboratories that one experiment after the other uses: starting one takes seconds."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from tests.faults.lab.laboratory import Laboratory, laboratory


class Pool:
    """
    Lends laboratories and mends them between two experiments.

    Each experiment has rooms of its own, by ``new_room()``. A laboratory in which one
    has failed is not lent again, nor one with connections that are silent for good: the
    next experiment would meet them.

    Args:
        stack: Ends the laboratories; of the event loop on which all of this happens.
    """

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._idle: dict[str, list[Laboratory]] = defaultdict(list)

    @asynccontextmanager
    async def laboratory(
        self, database: str, **options: Any
    ) -> AsyncIterator[Laboratory]:
        """
        Borrow a laboratory for the block.

        Args:
            database: ``"sqlite"`` or ``"postgres"``.
            options: The others of ``laboratory()``.
        """
        idle = self._idle[json.dumps([database, options], sort_keys=True)]
        if idle:
            lab = idle.pop()
        else:
            made = laboratory(database, **options)
            lab = await self._stack.enter_async_context(made)
        try:
            yield lab
            if lab.has_silent_connections:
                lab.remove()
                return
            await lab.mend()
        except BaseException:
            lab.print_logs()
            lab.remove()
            raise
        idle.append(lab)

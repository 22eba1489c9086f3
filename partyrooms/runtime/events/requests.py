"""What waits for an answer: requests, and calls of partyrooms itself."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import msgspec

from partyrooms.core.frames import Answer, AnswerKind
from partyrooms.delivery.requests import load_copied
from partyrooms.delivery.responses import (
    chunks_of,
    error_answer,
    takes_no_requests,
    to_answer,
)
from partyrooms.delivery.surroundings import within
from partyrooms.runtime.calls import CALLS, failure
from partyrooms.runtime.events.event import Event, is_out_of_reach
from partyrooms.runtime.life import Life
from partyrooms.runtime.turn import Turn


class Request(Event):
    """An HTTP request waits for its answer."""

    hook: ClassVar[str] = "on_request"
    travels: ClassVar[bool] = True

    request: Any
    reply: "asyncio.Future[Answer]"

    def origin(self, life: Life) -> tuple[None, Any]:
        return None, self.request

    async def act(self, life: Life, turn: Turn) -> None:
        life.owes(self.reply)
        turn.chain = (*self.chain, *turn.chain)
        ask = partial(self._ask, life, turn)
        await within(self.request, ask, is_served=life.has_lane)

    async def _ask(self, life: Life, turn: Turn) -> None:
        hook = life.hooks.on_request
        if hook is None:
            answer = takes_no_requests(life.key)
        else:
            if life.has_lane:
                await load_copied(self.request)
            value = await hook(self.request)
            answer = to_answer(value)
            if answer.kind is AnswerKind.STREAM:
                answer.stream = life.open_stream(chunks_of(value))
        turn.outputs.append((self._answer, answer, None))

    def fail(self, life: Life, turn: Turn, error: Exception) -> bool:
        answer = error_answer(error, self.request)
        failed = _json_answer(500, "The room failed to answer.")
        turn.outputs.append((self._answer, answer or failed, None))
        return answer is None

    def abandon(self, error: Exception) -> None:
        if self.reply.done():
            return
        if is_out_of_reach(error):
            self.reply.set_exception(error)
        else:
            self.reply.set_result(_json_answer(500, "The room failed to start."))

    def _answer(self, answer: Answer) -> None:
        if not self.reply.done():  # The client may have gone.
            self.reply.set_result(answer)


class Call(Event):
    """Something asked of the room by partyrooms itself, in the room's order."""

    hook: ClassVar[str] = "a call"
    travels: ClassVar[bool] = True

    name: str
    arguments: Mapping[str, Any]
    reply: "asyncio.Future[Any]"

    async def act(self, life: Life, turn: Turn) -> None:
        life.owes(self.reply)
        turn.chain = (*self.chain, *turn.chain)
        result = await CALLS[self.name](life, self.arguments)
        turn.outputs.append((self._answer, result, None))

    def fail(self, life: Life, turn: Turn, error: Exception) -> bool:
        told, is_defect = failure(self.name, error)
        turn.outputs.append((self._raise, told, None))
        return is_defect

    def abandon(self, error: Exception) -> None:
        self._raise(error)

    def _answer(self, result: Any) -> None:
        if not self.reply.done():
            self.reply.set_result(result)

    def _raise(self, error: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)


def _json_answer(status: int, detail: str) -> Answer:
    body = msgspec.json.encode({"detail": detail})
    return Answer(status=status, kind=AnswerKind.DATA, body=body)

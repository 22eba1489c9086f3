"""The project's own code: whatever it raises ends nothing but itself."""

import asyncio
import threading

import pytest

from partyrooms.usercode import awaitable, call
from tests.runtime.stage import patiently

UNUSUAL = [
    *(asyncio.CancelledError, GeneratorExit, KeyboardInterrupt),
    *(StopIteration, SystemExit),
]


@pytest.mark.parametrize("error", UNUSUAL)
async def test_b5_what_is_no_exception_becomes_one(error):
    """B5: else sys.exit() in a hook would end the server."""

    async def hook():
        raise error

    with pytest.raises(RuntimeError):
        await call(hook)


@pytest.mark.parametrize("error", UNUSUAL)
async def test_b5_nor_does_it_come_out_of_a_thread(error):
    """B1, B5: a plain function may raise anything, too."""

    def hook():
        raise error

    with pytest.raises(RuntimeError, match="hook"):
        await patiently(call(hook))


async def test_w10_a_hook_that_is_cancelled_is_not_said_to_have_failed():
    """W10: its time was up."""
    inside = asyncio.Event()

    async def hook():
        inside.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(call(hook))
    await patiently(inside.wait())
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_plain_function_is_called_in_a_thread_with_its_arguments():
    """B1: arguments and result pass."""

    def add(one, two=0):
        return one + two, threading.current_thread()

    total, thread = await awaitable(add)(1, two=2)

    assert total == 3
    assert thread is not threading.current_thread()


async def test_what_a_plain_function_returns_is_awaited():
    """A decorator may hide a coroutine function behind a plain one."""

    async def hook():
        return "done"

    assert await call(lambda: hook()) == "done"


async def test_a_coroutine_function_is_not_wrapped():
    """On the way of each message no call is added."""

    async def hook():
        pass

    assert awaitable(hook) is hook


async def test_a_generator_function_needs_no_thread():
    """Calling it runs nothing; an answer may be streamed from it."""

    async def stream():
        yield threading.current_thread()

    chunks = [chunk async for chunk in await call(stream)]

    assert chunks == [threading.current_thread()]


@pytest.mark.parametrize("error", [StopIteration, GeneratorExit])
async def test_what_no_future_can_hold_becomes_an_error_that_it_can(error):
    """B1: it names the function, and keeps the cause."""

    def first():
        raise error

    with pytest.raises(RuntimeError, match=f"first raised {error.__name__}") as caught:
        await patiently(awaitable(first)())

    assert isinstance(caught.value.__cause__, error)


async def test_other_errors_are_left_alone():
    """They are what the caller expects."""
    with pytest.raises(ZeroDivisionError):
        await call(lambda: 1 / 0)

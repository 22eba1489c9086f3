"""Hooks that are class methods: whatever they raise ends nothing but themselves."""

import asyncio

import pytest

from partyrooms.api.lobby import call_hook, main_lobby
from tests.runtime.stage import patiently

UNUSUAL = [
    *(asyncio.CancelledError, GeneratorExit, KeyboardInterrupt),
    *(StopIteration, SystemExit),
]


@pytest.mark.parametrize("error", UNUSUAL)
async def test_b5_what_is_no_exception_becomes_one(error):
    """B5: else sys.exit() in a hook would end the server."""

    async def hook(subject, lobby):
        raise error

    with pytest.raises(RuntimeError):
        await call_hook(hook, None, main_lobby())


@pytest.mark.parametrize("error", UNUSUAL)
async def test_b5_nor_does_it_come_out_of_a_thread(error):
    """B1, B5: a plain function may raise anything, too."""

    def hook(subject, lobby):
        raise error

    with pytest.raises(RuntimeError):
        await patiently(call_hook(hook, None, main_lobby()))


async def test_w10_a_hook_that_is_cancelled_is_not_said_to_have_failed():
    """W10: its time was up."""
    inside = asyncio.Event()

    async def hook(subject, lobby):
        inside.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(call_hook(hook, None, main_lobby()))
    await patiently(inside.wait())
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running

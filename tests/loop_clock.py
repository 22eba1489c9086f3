"""The event loop's clock, which timeouts look at."""

import asyncio


def pass_time(seconds: float) -> None:
    """Let the running loop's clock jump; timers that are due then run next."""
    loop = asyncio.get_running_loop()
    now = loop.time
    loop.time = lambda: now() + seconds  # type: ignore[method-assign]

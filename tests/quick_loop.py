"""An event loop whose clock jumps to the next timer, so that no test waits for one."""

import asyncio
import selectors


class QuickSelector(selectors.DefaultSelector):
    """Waits for nothing: its loop's clock passes instead."""

    now = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("Everything waits, and nothing is to happen.")
        if not ready:
            self.now += max(timeout, 0.0)
        return ready


class QuickLoop(asyncio.SelectorEventLoop):
    """Runs what has no thread and no socket of the network."""

    def __init__(self):
        self._quick_selector = QuickSelector()
        super().__init__(self._quick_selector)

    def time(self):
        return self._quick_selector.now

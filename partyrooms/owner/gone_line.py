"""A socket whose process is gone, as a room that slept meanwhile hears of it."""

from partyrooms.bus.contract import Closing
from partyrooms.connection import Connection
from partyrooms.core.messages import Frame, Profile


class GoneLine:
    """A ``Line`` that nothing reaches any more."""

    number = 0
    is_accepted = True
    is_gone = True
    is_dropped = False

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.connection: Connection | None = None
        self.closing: Closing | None = None

    def accept(self, tags: tuple[str, ...]) -> None: ...
    def send(self, frame: Frame) -> None: ...
    def keep(self, state: bytes | None) -> None: ...
    def close(self, closing: Closing) -> None: ...
    def drop(self, closing: Closing) -> None: ...

"""A socket whose process is gone, as a room that slept meanwhile hears of it."""

from partyrooms.core.frames import Frame, Profile
from partyrooms.ports.cluster import Closing
from partyrooms.runtime.connection import Connection


class LostSocket:
    """A ``Socket`` that nothing reaches any more."""

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

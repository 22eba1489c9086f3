"""Streamed answers between two processes: both ends, by the question's number."""

from typing import TYPE_CHECKING

from partyrooms.cluster.link import Link
from partyrooms.core import wire as wire
from partyrooms.ports.rooms import Sink, Source

if TYPE_CHECKING:
    from partyrooms.cluster.session import PeerSession


class RemoteSource:
    """The way to a stream's room in another process; a ``Source``."""

    def __init__(self, streams: "IncomingStreams", link: Link, ask: int) -> None:
        self.link = link
        self._streams = streams
        self._ask = ask

    def open(self, sink: Sink) -> None:
        """Say who reads."""
        self._streams.opened(self._ask, self, sink)

    def grant(self, size: int) -> None:
        """Let so many bytes more come."""
        self.link.send(wire.encode_message(wire.Granted(ask=self._ask, size=size)))

    def leave(self) -> None:
        """Nobody reads any more."""
        self._streams.over(self._ask)
        self.link.send(wire.encode_message(wire.StreamLeft(ask=self._ask)))


class IncomingStreams:
    """The streams that this process reads, of rooms in others."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[RemoteSource, Sink]] = {}

    def source(self, link: Link, ask: int) -> RemoteSource:
        """The other end of a stream that was promised in an answer."""
        return RemoteSource(self, link, ask)

    def opened(self, ask: int, source: RemoteSource, sink: Sink) -> None:
        """Somebody reads a stream."""
        self._open[ask] = source, sink

    def over(self, ask: int) -> None:
        """Nobody does any more."""
        self._open.pop(ask, None)

    def receive(self, message: wire.Streamed | wire.StreamOver) -> None:
        """More of a stream, or its end; nobody may read it any more."""
        _, sink = self._open.get(message.ask, (None, None))
        if sink is None:
            return
        if isinstance(message, wire.Streamed):
            sink.chunk(message.data)
        else:
            self.over(message.ask)
            sink.end(message.failed)

    def broken(self, link: Link) -> None:
        """What was under way with a process is lost."""
        lost = [ask for ask, (source, _) in self._open.items() if source.link is link]
        for ask in lost:
            _, sink = self._open.pop(ask)
            sink.end(True)


class RemoteSink:
    """The way to a stream's reader in another process; a ``Sink``."""

    def __init__(
        self, streams: "OutgoingStreams", session: "PeerSession", ask: int
    ) -> None:
        self._streams = streams
        self._session = session
        self._ask = ask

    @property
    def is_full(self) -> bool:
        """Whether the link takes no more; it would be given up."""
        return self._session.link.is_full

    def chunk(self, data: bytes) -> None:
        """More of the stream."""
        self._session.send(wire.Streamed(ask=self._ask, data=data))

    def end(self, failed: bool) -> None:
        """There is no more."""
        self._streams.over(self._ask)
        self._session.send(wire.StreamOver(ask=self._ask, failed=failed))


class OutgoingStreams:
    """The streams that one peer reads, of rooms in this process."""

    def __init__(self, session: "PeerSession") -> None:
        self._session = session
        self._open: dict[int, Source] = {}

    def begin(self, ask: int, writer: Source) -> None:
        """An answer has gone to the peer that promises a stream."""
        self._open[ask] = writer
        writer.open(RemoteSink(self, self._session, ask))

    def over(self, ask: int) -> None:
        """A stream has ended."""
        self._open.pop(ask, None)

    def receive(self, message: wire.Granted | wire.StreamLeft) -> None:
        """The reader wants more, or no more; the stream may have ended meanwhile."""
        writer = self._open.get(message.ask)
        if writer is None:
            return
        if isinstance(message, wire.Granted):
            writer.grant(message.size)
        else:
            self.over(message.ask)
            writer.leave()

    def lose(self) -> None:
        """The peer is gone, or what was under way to it."""
        lost, self._open = self._open, {}
        for writer in lost.values():
            writer.leave()

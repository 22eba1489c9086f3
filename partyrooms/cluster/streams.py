"""Streamed answers between two processes: both ends, by the question's number."""

from typing import TYPE_CHECKING

from partyrooms.cluster.link import Peer
from partyrooms.core import wire as items
from partyrooms.ports.cluster import Sink, Source

if TYPE_CHECKING:
    from partyrooms.cluster.session import Dock


class RemoteSource:
    """The way to a stream's room in another process; a ``Source``."""

    def __init__(self, streams: "Inflows", peer: Peer, ask: int) -> None:
        self.peer = peer
        self._streams = streams
        self._ask = ask

    def open(self, sink: Sink) -> None:
        """Say who reads."""
        self._streams.opened(self._ask, self, sink)

    def grant(self, size: int) -> None:
        """Let so many bytes more come."""
        self.peer.send(items.encode_item(items.Granted(ask=self._ask, size=size)))

    def leave(self) -> None:
        """Nobody reads any more."""
        self._streams.over(self._ask)
        self.peer.send(items.encode_item(items.StreamLeft(ask=self._ask)))


class Inflows:
    """The streams that this process reads, of rooms in others."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[RemoteSource, Sink]] = {}

    def source(self, peer: Peer, ask: int) -> RemoteSource:
        """The other end of a stream that was promised in an answer."""
        return RemoteSource(self, peer, ask)

    def opened(self, ask: int, source: RemoteSource, sink: Sink) -> None:
        """Somebody reads a stream."""
        self._open[ask] = source, sink

    def over(self, ask: int) -> None:
        """Nobody does any more."""
        self._open.pop(ask, None)

    def receive(self, item: items.Streamed | items.StreamOver) -> None:
        """More of a stream, or its end; nobody may read it any more."""
        _, sink = self._open.get(item.ask, (None, None))
        if sink is None:
            return
        if isinstance(item, items.Streamed):
            sink.chunk(item.data)
        else:
            self.over(item.ask)
            sink.end(item.failed)

    def broken(self, peer: Peer) -> None:
        """What was under way with a process is lost."""
        lost = [ask for ask, (source, _) in self._open.items() if source.peer is peer]
        for ask in lost:
            _, sink = self._open.pop(ask)
            sink.end(True)


class RemoteSink:
    """The way to a stream's reader in another process; a ``Sink``."""

    def __init__(self, streams: "Outflows", dock: "Dock", ask: int) -> None:
        self._streams = streams
        self._dock = dock
        self._ask = ask

    @property
    def is_full(self) -> bool:
        """Whether the link takes no more; it would be given up."""
        return self._dock.peer.is_full

    def chunk(self, data: bytes) -> None:
        """More of the stream."""
        self._dock.send(items.Streamed(ask=self._ask, data=data))

    def end(self, failed: bool) -> None:
        """There is no more."""
        self._streams.over(self._ask)
        self._dock.send(items.StreamOver(ask=self._ask, failed=failed))


class Outflows:
    """The streams that one peer reads, of rooms in this process."""

    def __init__(self, dock: "Dock") -> None:
        self._dock = dock
        self._open: dict[int, Source] = {}

    def begin(self, ask: int, outflow: Source) -> None:
        """An answer has gone to the peer that promises a stream."""
        self._open[ask] = outflow
        outflow.open(RemoteSink(self, self._dock, ask))

    def over(self, ask: int) -> None:
        """A stream has ended."""
        self._open.pop(ask, None)

    def receive(self, item: items.Granted | items.StreamLeft) -> None:
        """The reader wants more, or no more; the stream may have ended meanwhile."""
        outflow = self._open.get(item.ask)
        if outflow is None:
            return
        if isinstance(item, items.Granted):
            outflow.grant(item.size)
        else:
            self.over(item.ask)
            outflow.leave()

    def lose(self) -> None:
        """The peer is gone, or what was under way to it."""
        lost, self._open = self._open, {}
        for outflow in lost.values():
            outflow.leave()

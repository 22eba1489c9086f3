"""Streamed answers between two processes: both ends, by the request's number."""

from partyrooms.cluster.link import Link
from partyrooms.core.wire import replies
from partyrooms.core.wire.codec import encode_message
from partyrooms.ports.rooms import Sink, Source


class RemoteSource:
    """
    The way to a stream's room in another process; a ``Source``.

    Args:
        link: The link with the process.
        request_id: The number of the request that is answered.
        reading: The streams that are read, by number; it enters itself.
    """

    def __init__(
        self, link: Link, request_id: int, reading: "dict[int, RemoteSource]"
    ) -> None:
        self.link = link
        self.sink: Sink | None = None
        self._request_id = request_id
        self._reading = reading

    def open(self, sink: Sink) -> None:
        """Say who reads."""
        self.sink = sink
        self._reading[self._request_id] = self

    def grant(self, size: int) -> None:
        """Let so many bytes more come."""
        self._send(replies.Granted(request_id=self._request_id, size=size))

    def leave(self) -> None:
        """Nobody reads any more."""
        self._reading.pop(self._request_id, None)
        self._send(replies.StreamLeft(request_id=self._request_id))

    def _send(self, message: replies.ToStream) -> None:
        self.link.send(encode_message(message))


class IncomingStreams:
    """The streams that this process reads, of rooms in others."""

    def __init__(self) -> None:
        self._open: dict[int, RemoteSource] = {}

    def source(self, link: Link, request_id: int) -> RemoteSource:
        """The other end of a stream that was promised in an answer."""
        return RemoteSource(link, request_id, self._open)

    def receive(self, message: replies.FromStream) -> None:
        """More of a stream, or its end; nobody may read it any more."""
        source = self._open.get(message.request_id)
        if source is None or source.sink is None:
            return
        if isinstance(message, replies.Streamed):
            source.sink.chunk(message.data)
        elif isinstance(message, replies.StreamOver):
            del self._open[message.request_id]
            source.sink.end(message.failed)

    def broken(self, link: Link) -> None:
        """What was under way with a process is lost."""
        for number, source in tuple(self._open.items()):
            if source.link is link and source.sink is not None:
                self._open.pop(number, None)
                source.sink.end(True)


class RemoteSink:
    """
    The way to a stream's reader in another process; a ``Sink``.

    Args:
        link: The link with the process.
        request_id: The number of the request that is answered.
        read: The streams that the process reads, by number; it takes itself out.
    """

    def __init__(self, link: Link, request_id: int, read: dict[int, Source]) -> None:
        self._link = link
        self._request_id = request_id
        self._read = read

    @property
    def is_full(self) -> bool:
        """Whether the link takes no more; it would be given up."""
        return self._link.is_full

    def chunk(self, data: bytes) -> None:
        """More of the stream."""
        self._post(replies.Streamed(request_id=self._request_id, data=data))

    def end(self, failed: bool) -> None:
        """There is no more."""
        self._read.pop(self._request_id, None)
        self._post(replies.StreamOver(request_id=self._request_id, failed=failed))

    def _post(self, message: replies.FromStream) -> None:
        self._link.post(encode_message(message))


class OutgoingStreams:
    """
    The streams that one other process reads, of rooms in this one.

    Args:
        link: The link with it.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._open: dict[int, Source] = {}

    def begin(self, request_id: int, source: Source) -> None:
        """An answer that promises a stream has gone to the process."""
        self._open[request_id] = source
        source.open(RemoteSink(self._link, request_id, self._open))

    def receive(self, message: replies.ToStream) -> None:
        """The reader wants more, or no more; the stream may have ended meanwhile."""
        source = self._open.get(message.request_id)
        if source is None:
            return
        if isinstance(message, replies.Granted):
            source.grant(message.size)
        else:
            del self._open[message.request_id]
            source.leave()

    def lose(self) -> None:
        """The process is gone, or what was under way to it."""
        lost = tuple(self._open.values())
        self._open.clear()
        for source in lost:
            source.leave()

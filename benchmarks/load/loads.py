"""What the load generator is told."""

import msgspec


class EchoLoad(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Every socket sends a message, waits for it to come back and sends the next.

    Args:
        party: The party that echoes.
        sockets: How many.
        rooms: How many rooms they are spread over.
        asked: How many more rooms are asked by HTTP first, each once, so that they are
            in memory while the others echo; they are of the party ``awake``.
    """

    party: str
    sockets: int
    rooms: int = 1
    asked: int = 0
    unit: str = "echoes/s"


class FanOutLoad(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    The sockets of one room take turns to send a message that reaches all of them.

    Args:
        sockets: How many.
        window: Messages under way at a time; the next one is sent when as many frames
            as there are sockets have arrived.
    """

    party: str = "fan-out"
    sockets: int
    window: int = 10
    unit: str = "deliveries/s"


class HttpLoad(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Every connection sends a request, waits for the response, sends the next."""

    path: str
    connections: int = 16
    body: str | None = None
    """JSON to POST; without one it is a GET."""
    unit: str = "requests/s"


class StartLoad(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Sockets that connect, say one thing and wait for its echo, some at a time.

    The rooms have names that no run before had, so that they are started as well.

    Args:
        party: The party that echoes.
        sockets: How many in all.
        rooms: How many rooms they are spread over.
        window: Handshakes under way at a time.
    """

    party: str = "echo"
    sockets: int
    rooms: int = 1
    window: int = 20
    unit: str = "sockets/s"


class IdleLoad(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Sockets that say nothing: the figure is the server's memory for each.

    Args:
        party: Theirs.
        sockets: How many.
        rooms: How many rooms they are spread over.
    """

    party: str
    sockets: int
    rooms: int = 1
    unit: str = "bytes/socket"


class RoomsLoad(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Rooms that are asked once each: the figure is the server's memory for each.

    Args:
        party: Theirs.
        rooms: How many count; a tenth as many come before.
        wave: How many are asked before the server is given ``rest`` seconds.
        rest: Long enough for a room that sleeps to leave memory.
    """

    party: str
    rooms: int = 10_000
    wave: int = 1_000
    rest: float = 1.0
    unit: str = "bytes/room"


Load = EchoLoad | FanOutLoad | HttpLoad | StartLoad | IdleLoad | RoomsLoad


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """
    One run of the load generator.

    Args:
        load: What to do.
        ports: Where the server listens on 127.0.0.1; only a fan-out uses more than one.
        servers: Its processes' ids, to read their CPU time and memory; what these
            start counts as well.
        warm_up: Seconds under load before anything is counted.
        duration: Seconds that are counted.
    """

    load: Load
    ports: tuple[int, ...]
    servers: tuple[int, ...]
    warm_up: float
    duration: float

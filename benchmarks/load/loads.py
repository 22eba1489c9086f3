"""What the load generator is told, and what it answers."""

import msgspec


class EchoLoad(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Every socket sends a message, waits for it to come back and sends the next.

    Args:
        party: The party that echoes.
        sockets: How many.
        rooms: How many rooms they are spread over.
    """

    party: str
    sockets: int
    rooms: int = 1
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


class PingLoad(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One socket says something and waits for the echo: the figure is the median."""

    party: str
    pings: int = 500
    unit: str = "ms"


class IdleLoad(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Sockets that say nothing: the figure is the server's memory for each."""

    party: str
    sockets: int
    unit: str = "bytes/socket"


class RoomsLoad(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Rooms that are asked once each: the figure is the server's memory for each.

    Args:
        party: Theirs.
        rooms: How many count; a tenth as many come before.
        wave: How many are asked before the server is given ``rest`` seconds.
        rest: Long enough for a room that sleeps to leave memory.
        connections: How many rooms are asked at the same time.
    """

    party: str
    rooms: int = 10_000
    wave: int = 1_000
    rest: float = 1.0
    connections: int = 16
    unit: str = "bytes/room"


Load = EchoLoad | FanOutLoad | HttpLoad | PingLoad | IdleLoad | RoomsLoad


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """
    One run of the load generator.

    Args:
        load: What to do.
        ports: Where the server listens on 127.0.0.1; only a fan-out uses more than one.
        servers: Its processes' ids, to read their CPU time and memory.
        core: The core to stay on, None for any.
        warm_up: Seconds under load before anything is counted.
        duration: Seconds that are counted.
    """

    load: Load
    ports: tuple[int, ...]
    servers: tuple[int, ...]
    core: int | None
    warm_up: float
    duration: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one run showed.

    Args:
        figure: In the load's unit.
        server_busy: CPU seconds that the server used in each second counted. Well below
            1 means that something else than the server was the limit.
        generator_busy: The same for the load generator.
        others_busy: The same for everything else on the machine.
    """

    figure: float
    server_busy: float = 0.0
    generator_busy: float = 0.0
    others_busy: float = 0.0

"""What is measured against what, and what is asked for."""

from dataclasses import dataclass, field

from benchmarks.figures import Wanted
from benchmarks.load.loads import (
    EchoLoad,
    FanOutLoad,
    HttpLoad,
    IdleLoad,
    Load,
    PingLoad,
    RoomsLoad,
)

PARTYROOMS = "partyrooms"
BARE = "bare ASGI app"
CHANNELS = "Channels group_send"

PUB_SUB = "channels_redis.pubsub.RedisPubSubChannelLayer"
CORE = "channels_redis.core.RedisChannelLayer"


@dataclass(frozen=True, kw_only=True)
class Server:
    """
    An application and how it is set up.

    Args:
        module: Of ``benchmarks.servers``; holds ``application``.
        settings: Django's settings module of that package, None without Django.
        environment: What ``benchmarks.servers.settings`` reads.
        layer: A channel layer's class; it gets a Valkey. None: what is in the settings.
        webs: How many web processes.
        workers: How many room workers.
    """

    module: str
    settings: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    layer: str | None = None
    webs: int = 1
    workers: int = 0


@dataclass(frozen=True, kw_only=True)
class Side:
    """A server under a load."""

    server: Server
    load: Load


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Which two sides make a row of the report."""

    measure: str
    side: str
    peer: str
    wanted: Wanted | None = None


@dataclass(frozen=True, kw_only=True)
class Bout:
    """
    Sides that run in turns, and what is compared.

    Args:
        topic: What ``--only`` selects.
        sides: By name.
        comparisons: Between names of ``sides``.
        fresh: Each turn has a server process of its own.
        turns: Of each side at the most; None: as many as of every other bout.
    """

    topic: str
    sides: dict[str, Side]
    comparisons: tuple[Comparison, ...]
    fresh: bool = False
    turns: int | None = None


def _site(**environment: str) -> Server:
    return Server(
        module="partyrooms_site",
        settings="partyrooms_settings",
        environment=environment,
    )


def _echo() -> Bout:
    load = EchoLoad(party="echo", sockets=50)
    return Bout(
        topic="echo",
        sides={
            PARTYROOMS: Side(server=_site(), load=load),
            BARE: Side(server=Server(module="bare"), load=load),
        },
        comparisons=(
            Comparison(
                measure="echo, 50 sockets",
                side=PARTYROOMS,
                peer=BARE,
                wanted=Wanted(ratio=0.8),
            ),
        ),
    )


def _fan_out(sockets: int) -> Bout:
    load = FanOutLoad(sockets=sockets)
    channels = Server(module="channels_consumer", settings="settings")
    measure = f"fan-out, {sockets} sockets"
    return Bout(
        topic="fanout",
        sides={
            PARTYROOMS: Side(server=_site(), load=load),
            BARE: Side(server=Server(module="bare"), load=load),
            CHANNELS: Side(server=channels, load=load),
        },
        comparisons=(
            Comparison(
                measure=measure,
                side=PARTYROOMS,
                peer=BARE,
                wanted=Wanted(ratio=0.85),
            ),
            Comparison(
                measure=measure,
                side=PARTYROOMS,
                peer=CHANNELS,
                wanted=Wanted(ratio=15),
            ),
        ),
    )


def _across() -> Server:
    return Server(
        module="partyrooms_site",
        settings="partyrooms_settings",
        environment={"BENCHMARK_OWNERS": "workers"},
        layer=PUB_SUB,
        webs=2,
        workers=1,
    )


def _fan_out_across(sockets: int) -> Bout:
    load = FanOutLoad(sockets=sockets)
    channels = Server(
        module="channels_consumer", settings="settings", layer=CORE, webs=2
    )
    return Bout(
        topic="across",
        sides={
            PARTYROOMS: Side(server=_across(), load=load),
            f"{CHANNELS}, Redis": Side(server=channels, load=load),
        },
        comparisons=(
            Comparison(
                measure=f"fan-out, {sockets} sockets of 2 processes",
                side=PARTYROOMS,
                peer=f"{CHANNELS}, Redis",
                wanted=Wanted(ratio=10),
            ),
        ),
    )


def _echo_across() -> Bout:
    load = PingLoad(party="echo")
    return Bout(
        topic="across",
        sides={
            "owner elsewhere": Side(server=_across(), load=load),
            "owner here": Side(server=_site(), load=load),
        },
        comparisons=(
            Comparison(
                measure="echo, 1 socket, from another process",
                side="owner elsewhere",
                peer="owner here",
                wanted=Wanted(added=2),
            ),
        ),
    )


def _stored(rooms: int, wanted: float) -> Bout:
    stored = EchoLoad(party="stored", sockets=50, rooms=rooms)
    unstored = EchoLoad(party="echo", sockets=50, rooms=rooms)
    return Bout(
        topic="stored",
        sides={
            "put, then send": Side(server=_site(), load=stored),
            "partyrooms, unstored": Side(server=_site(), load=unstored),
        },
        comparisons=(
            Comparison(
                measure=f"stored echo, 50 sockets, {rooms} room{'s'[: rooms > 1]}",
                side="put, then send",
                peer="partyrooms, unstored",
                wanted=Wanted(ratio=wanted),
            ),
        ),
    )


def _http(
    measure: str,
    *,
    body: str | None = None,
    wanted: Wanted | None = None,
    **environment: str,
) -> Bout:
    load = HttpLoad(path="/parties/counter/r0", body=body)
    view = Server(module="drf", settings="settings", environment=environment)
    return Bout(
        topic="http",
        sides={
            PARTYROOMS: Side(server=_site(**environment), load=load),
            "plain DRF view": Side(server=view, load=load),
        },
        comparisons=(
            Comparison(
                measure=measure, side=PARTYROOMS, peer="plain DRF view", wanted=wanted
            ),
        ),
    )


def _memory() -> Bout:
    load = IdleLoad(party="echo", sockets=1000)
    return Bout(
        topic="memory",
        sides={
            PARTYROOMS: Side(server=_site(), load=load),
            BARE: Side(server=Server(module="bare"), load=load),
        },
        comparisons=(
            Comparison(
                measure="memory of an idle socket",
                side=PARTYROOMS,
                peer=BARE,
                wanted=Wanted(ratio=1.4, at_most=True),
            ),
        ),
        fresh=True,
    )


def _sleep() -> Bout:
    return Bout(
        topic="memory",
        sides={
            "asleep": Side(server=_site(), load=RoomsLoad(party="asleep")),
            "in memory": Side(server=_site(), load=RoomsLoad(party="awake")),
        },
        comparisons=(
            Comparison(
                measure="memory of a room that sleeps",
                side="asleep",
                peer="in memory",
                wanted=Wanted(ratio=0.05, at_most=True),
            ),
        ),
        fresh=True,
        turns=1,
    )


def all_bouts() -> tuple[Bout, ...]:
    """Return everything that is measured, in the order of the report."""
    faster = Wanted(ratio=1.5)
    return (
        _echo(),
        _fan_out(100),
        _fan_out(500),
        _stored(1, 0.3),
        _stored(50, 0.1),
        _http("HTTP GET, empty MIDDLEWARE", wanted=faster),
        _http(
            "HTTP GET, empty MIDDLEWARE, no authenticators",
            wanted=faster,
            BENCHMARK_AUTHENTICATION="none",
        ),
        _http(
            "HTTP GET, Django's default MIDDLEWARE",
            wanted=faster,
            BENCHMARK_MIDDLEWARE="default",
        ),
        _http("HTTP POST that stores, empty MIDDLEWARE", body='{"by": 1}'),
        _memory(),
        _sleep(),
        _fan_out_across(200),
        _echo_across(),
    )


TOPICS = tuple(dict.fromkeys(bout.topic for bout in all_bouts()))
"""What ``--only`` takes."""

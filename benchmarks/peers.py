"""Who takes part: each peer's name, its server, and why it may have to stay away."""

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout that these benchmarks are of."""

SERVE = "partyrooms on serve"
UVICORN = "partyrooms on uvicorn"
BARE_FAST = "bare ASGI app, serve's protocol"
BARE = "bare ASGI app, uvicorn's protocol"
MEMORY_LAYER = "Channels, memory"
CORE_LAYER = "Channels, RedisChannelLayer"
PUB_SUB_LAYER = "Channels, RedisPubSubChannelLayer"
ASYNC_VIEW = "async Django view"
DRF_VIEW = "DRF view"
WORKERD = "partyserver on workerd"

FAST_PROTOCOL = "partyrooms.server.websockets:Protocol"
PLAIN_PROTOCOL = "websockets-sansio"

CORE = "channels_redis.core.RedisChannelLayer"
PUB_SUB = "channels_redis.pubsub.RedisPubSubChannelLayer"

NODE_PROGRAMS = ("node", "npm")


@dataclass(frozen=True, kw_only=True)
class Server:
    """
    An application and how it is set up.

    Args:
        program: What serves it: ``uvicorn``, ``serve`` (the management command) or
            ``workerd``.
        module: Of ``benchmarks.servers``; holds ``application``.
        protocol: uvicorn's WebSocket implementation.
        settings: Django's settings module of that package, None without Django.
        environment: What ``benchmarks.servers.settings`` reads.
        postgres: The database is Postgres rather than SQLite.
        layer: A channel layer's class; it gets a Valkey. None: what is in the settings.
        webs: How many web processes.
        workers: How many room workers.
        checkout: Where the package ``partyrooms`` is taken from.
    """

    program: str = "uvicorn"
    module: str = ""
    protocol: str = PLAIN_PROTOCOL
    settings: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    postgres: bool = False
    layer: str | None = None
    webs: int = 1
    workers: int = 0
    checkout: Path = ROOT


BARE_SERVERS = {
    BARE_FAST: Server(module="bare", protocol=FAST_PROTOCOL),
    BARE: Server(module="bare"),
}

CHANNELS_SERVERS = {
    MEMORY_LAYER: Server(module="channels_consumer", settings="settings"),
    CORE_LAYER: Server(module="channels_consumer", settings="settings", layer=CORE),
    PUB_SUB_LAYER: Server(
        module="channels_consumer", settings="settings", layer=PUB_SUB
    ),
}

WORKERD_SERVERS = {WORKERD: Server(program="workerd")}


def partyrooms_servers(
    *, across: bool = False, postgres: bool = False, **environment: str
) -> dict[str, Server]:
    """
    Return the site of partyrooms, on each server that it has.

    Args:
        across: Two web processes, one room worker that owns every room, one Valkey.
        postgres: The database is Postgres rather than SQLite.
        environment: What ``benchmarks.servers.settings`` reads.
    """
    if across:
        environment["BENCHMARK_OWNERS"] = "workers"
    return {
        name: Server(
            program=program,
            module="partyrooms_site",
            settings="partyrooms_settings",
            environment=environment,
            postgres=postgres,
            layer=PUB_SUB if across else None,
            webs=2 if across else 1,
            workers=1 if across else 0,
        )
        for name, program in ((SERVE, "serve"), (UVICORN, "uvicorn"))
    }


def view_servers(**environment: str) -> dict[str, Server]:
    """
    Return Django's own views.

    Args:
        environment: What ``benchmarks.servers.settings`` reads.
    """
    return {
        name: Server(
            module=module,
            settings="settings",
            environment=environment
            | {"BENCHMARK_URLS": f"benchmarks.servers.{module}"},
        )
        for name, module in ((DRF_VIEW, "drf"), (ASYNC_VIEW, "async_view"))
    }


def absent_peers(checkout: Path = ROOT) -> dict[str, str]:
    """
    Return the peers that cannot run here, and why.

    Args:
        checkout: Where the package ``partyrooms`` is taken from.
    """
    absent = {}
    if not _has_fast_protocol(checkout):
        reason = f"there is no {FAST_PROTOCOL}, or only uvicorn's in its place"
        absent |= {SERVE: reason, BARE_FAST: reason}
    missing = [name for name in NODE_PROGRAMS if shutil.which(name) is None]
    if missing:
        absent[WORKERD] = (
            f"{' and '.join(missing)} not found; Debian's packages are nodejs and npm"
        )
    return absent


def _has_fast_protocol(checkout: Path) -> bool:
    """Ask a process of its own, for this one may have another checkout's package."""
    module, name = FAST_PROTOCOL.split(":")
    package = module.partition(".")[0]
    asked = (
        f"from {module} import {name} as found; "
        f"raise SystemExit(not found.__module__.startswith({package!r}))"
    )
    tried = subprocess.run(
        [sys.executable, "-c", asked], cwd=checkout, capture_output=True
    )
    return tried.returncode == 0

"""``manage.py serve``: uvicorn with all that rooms ask of a server."""

from importlib.util import find_spec
from typing import Any

from django.conf import settings as django_settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from partyrooms import registry
from partyrooms.cluster.transport import shared_layer
from partyrooms.conf import get_settings

GRACE = 20
"""Seconds that requests under way may take at a stop."""


class Command(BaseCommand):
    """Serve the project until SIGTERM or SIGINT."""

    help = (
        "Serve ASGI_APPLICATION with uvicorn and the fast WebSocket class, as "
        "docs/how-to/deploy-one-process.md has it, until SIGTERM or SIGINT. "
        "-v 2 writes a line for each request, -v 0 only warnings."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--workers",
            type=int,
            default=1,
            help="Processes; more than one need a channel layer that they share.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        application = application_path()
        if options["workers"] < 1:
            raise CommandError(f"--workers is {options['workers']}; it is at least 1.")
        if options["workers"] > 1:
            require_shared_layer()
        try:
            import uvicorn

            from partyrooms.server.websockets import Protocol
        except ImportError as error:
            raise CommandError(
                f'{error}: pip install "partyrooms[fast]" brings what serves.'
            ) from error
        if Protocol is None:
            raise CommandError(
                'Nothing here serves WebSockets: pip install "partyrooms[fast]".'
            )
        uvicorn.run(
            application,
            host=options["host"],
            port=options["port"],
            # Given, so that WEB_CONCURRENCY does not start more.
            workers=options["workers"],
            lifespan="on",
            http=http_class(),
            ws="partyrooms.server.websockets:Protocol",
            ws_max_size=max_frame_size(),
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=GRACE,
            log_level="info" if options["verbosity"] else "warning",
            # nginx writes one as well.
            access_log=options["verbosity"] > 1,
        )


def application_path() -> str:
    """
    Where the project's ASGI application is, as uvicorn writes it.

    Raises:
        CommandError: If the settings do not say it.
    """
    path = getattr(django_settings, "ASGI_APPLICATION", None)
    if not isinstance(path, str) or "." not in path:
        raise CommandError(
            f"ASGI_APPLICATION is {path!r}; it has to name the project's ASGI "
            "application. With `application = get_asgi_application()` of "
            "partyrooms.asgi in mysite/asgi.py, put into the settings: "
            'ASGI_APPLICATION = "mysite.asgi.application"'
        )
    module, _, name = path.rpartition(".")
    return f"{module}:{name}"


def http_class() -> str:
    """What uvicorn's option ``--http`` is to say; without httptools its own choice."""
    has_httptools = find_spec("httptools") is not None
    return "partyrooms.server.http_upgrade:Protocol" if has_httptools else "auto"


def require_shared_layer() -> None:
    """
    Look whether several processes can share rooms.

    Raises:
        CommandError: If each would be refused the rooms of the others.
    """
    alias = get_settings().channel_layer
    if shared_layer(alias) is None:
        raise CommandError(
            f"CHANNEL_LAYERS[{alias!r}] reaches no other process, so each worker would "
            "be refused the rooms of the others. Configure "
            "channels_redis.pubsub.RedisPubSubChannelLayer there, or serve with "
            "--workers 1."
        )


def max_frame_size() -> int:
    """
    Bytes of a frame that the server still reads: twice what any room takes.

    So a frame that is too large for its room reaches it, and ``on_error`` hears of it.
    """
    classes = map(registry.get, registry.names())
    sizes = [one.max_message_size or 0 for one in classes]
    return 2 * max(get_settings().max_message_size, *sizes, 0)

"""Checks of the wiring: whether requests and sockets find their way to the rooms."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.handlers.asgi import ASGIHandler
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string

from partyrooms.checks.options import valid_settings, wrong_settings
from partyrooms.web.http.address import is_room_view
from partyrooms.web.http.views import room_view

HOOKS = "partyrooms.middleware.BeforeHooksMiddleware"

_APPLICATION_HINT = (
    "In the project's asgi.py: `from partyrooms.asgi import get_asgi_application` and "
    "`application = get_asgi_application()`; in the settings: ASGI_APPLICATION = "
    '"<project>.asgi.application".'
)


@register("partyrooms")
def check_apps(**kwargs: Any) -> list[CheckMessage]:
    """W002: the pages of the browsable API would have no templates."""
    if apps.is_installed("rest_framework"):
        return []
    return [
        Warning(
            "'rest_framework' is not in INSTALLED_APPS: a browser that opens a room's "
            "URL sees JSON instead of the browsable API.",
            hint="Add 'rest_framework', or leave BrowsableAPIRenderer out of "
            "REST_FRAMEWORK['DEFAULT_RENDERER_CLASSES'].",
            id="partyrooms.W002",
        )
    ]


@register("partyrooms")
def check_installed(**kwargs: Any) -> list[CheckMessage]:
    """W012: an app beside the project has rooms, but is not installed."""
    installed = {Path(config.path).resolve() for config in apps.get_app_configs()}
    return [
        Warning(
            f"{folder.name}/rooms.py is beside the project, but no installed app has "
            "it: its rooms cannot be reached.",
            hint=f"Add {folder.name!r} to INSTALLED_APPS.",
            id="partyrooms.W012",
        )
        for folder in _folders_with_rooms()
        if folder.resolve() not in installed
    ]


@register("partyrooms")
def check_urls(**kwargs: Any) -> list[CheckMessage]:
    """E004: no URL leads to a room."""
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return []
    views = _views(get_resolver(django_settings.ROOT_URLCONF).url_patterns)
    if any(is_room_view(view) for view in views):
        return []
    return [
        Error(
            "The URLs of rooms are not included: no room can be reached.",
            hint=f'Add `path("", include("partyrooms.urls"))` to the urlpatterns of '
            f"{django_settings.ROOT_URLCONF}; it may have a prefix.",
            id="partyrooms.E004",
        )
    ]


@register("partyrooms")
def check_decorators(**kwargs: Any) -> list[CheckMessage]:
    """E011: something around the view of rooms, which no handshake passes through."""
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return []
    views = _views(get_resolver(django_settings.ROOT_URLCONF).url_patterns)
    around = {view for view in views if is_room_view(view) and view is not room_view}
    return [
        Error(
            "The view of partyrooms.urls is wrapped in a decorator "
            f"({view.__code__.co_qualname if hasattr(view, '__code__') else view!r}): "
            "WebSocket handshakes do not pass through it.",
            hint="Leave it out, and guard rooms with `permission_classes` and "
            "`on_before_connect` of their classes, or with a middleware.",
            id="partyrooms.E011",
        )
        for view in around
    ]


@register("partyrooms")
def check_middleware(**kwargs: Any) -> list[CheckMessage]:
    """E005, W001: before-hooks don't run, or run too early."""
    settings = valid_settings()
    lists: dict[str, Sequence[str]] = {"MIDDLEWARE": django_settings.MIDDLEWARE}
    if settings is not None and settings.websocket_middleware is not None:
        own = settings.websocket_middleware
        lists["PARTYROOMS['WEBSOCKET_MIDDLEWARE']"] = own
    return [found for one in lists.items() for found in _check_hooks(*one)]


@register("partyrooms")
def check_application(**kwargs: Any) -> list[CheckMessage]:
    """E006, W008: WebSockets don't get to the rooms, or it cannot be seen."""
    path = getattr(django_settings, "ASGI_APPLICATION", None)
    if path is None:
        return [
            Warning(
                "ASGI_APPLICATION is not set: `runserver` and `serve` need it, and "
                "this check cannot see whether WebSockets reach the rooms.",
                hint=_APPLICATION_HINT,
                id="partyrooms.W008",
            )
        ]
    if wrong_settings():
        return []  # no application can be made with them, as other checks tell
    try:
        application = import_string(path)
    except Exception as error:  # whatever the project's module does
        text = f"{type(error).__name__}: {error}"
        return [_application_error(f"{path!r} cannot be imported: {text}")]
    if type(application) is ASGIHandler:
        return [_application_error(f"{path} is Django's own, which has no WebSockets")]
    mapping = getattr(application, "application_mapping", None)
    if mapping is not None and "websocket" not in mapping:
        return [_application_error(f"{path} routes no WebSockets")]
    return []


@register("partyrooms")
def check_runserver(**kwargs: Any) -> list[CheckMessage]:
    """W003: ``manage.py runserver`` would serve no WebSockets."""
    if not django_settings.DEBUG:
        return []
    provider = get_commands().get("runserver")
    if provider not in ("django.core", "django.contrib.staticfiles"):
        return []
    return [
        Warning(
            "`manage.py runserver` is Django's, which serves no WebSockets.",
            hint="Install daphne and put 'daphne' in front of INSTALLED_APPS "
            "(before 'django.contrib.staticfiles'), or use another ASGI server, as in "
            "`uvicorn --reload <project>.asgi:application`.",
            id="partyrooms.W003",
        )
    ]


def _folders_with_rooms() -> list[Path]:
    """The packages that have a ``rooms.py``, in the folder that holds the project's."""
    # None: the settings were given in code, and lie nowhere.
    package = (getattr(django_settings, "SETTINGS_MODULE", None) or "").split(".")[0]
    spec = find_spec(package) if package else None
    if spec is None or spec.origin is None:
        return []
    project = Path(spec.origin)
    parent = (
        project.parent.parent if spec.submodule_search_locations else project.parent
    )
    found = parent.glob("*/rooms.py")
    return sorted(one.parent for one in found if (one.parent / "__init__.py").exists())


def _check_hooks(name: str, paths: Sequence[str]) -> Iterator[CheckMessage]:
    if HOOKS not in paths:
        yield Error(
            f"{name} lacks {HOOKS!r}: rooms with before-hooks refuse everybody.",
            hint=f"Add {HOOKS!r} to the end of {name}.",
            id="partyrooms.E005",
        )
        return
    later = paths[paths.index(HOOKS) + 1 :]
    late = [path for path in later if _looks_at_views(path)]
    if late:
        yield Warning(
            f"{name}: before-hooks run before {', '.join(late)} may refuse a request.",
            hint=f"Move {HOOKS!r} to the end of {name}.",
            id="partyrooms.W001",
        )


def _looks_at_views(path: str) -> bool:
    try:
        return hasattr(import_string(path), "process_view")
    except ImportError:
        return False  # Django tells that when it loads the middleware


def _application_error(text: str) -> Error:
    return Error(
        f"ASGI_APPLICATION: {text}.", hint=_APPLICATION_HINT, id="partyrooms.E006"
    )


def _views(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[Any]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns)
        else:
            yield pattern.callback

"""What a project's files lack for its rooms, as lines for the end of each file."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import run_checks

from partyrooms.checks.wiring import HOOKS
from partyrooms.conf import get_settings

_ASGI = """\
from partyrooms.asgi import get_asgi_application

application = get_asgi_application()"""

_SQLITE = """\
DATABASES["{alias}"]["OPTIONS"] = {{
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
}}"""


def missing_lines(label: str, module: str) -> dict[Path, str]:
    """
    The lines that the project lacks, by file; system checks say which.

    Args:
        label: The app's label: the prefix of its pages.
        module: Its dotted path, for ``INSTALLED_APPS``.
    """
    found = {message.id or "" for message in run_checks(tags=["partyrooms"])}
    package = django_settings.SETTINGS_MODULE.partition(".")[0]
    path = getattr(django_settings, "ASGI_APPLICATION", None)
    asgi = path.rpartition(".")[0] if path else f"{package}.asgi"
    lines = {
        django_settings.SETTINGS_MODULE: [*_settings(module, asgi, found)],
        django_settings.ROOT_URLCONF: [*_urls(label, module, found)],
        asgi: [_ASGI] if found & {"partyrooms.E006", "partyrooms.W008"} else [],
    }
    return {_file(name): "\n".join(each) for name, each in lines.items() if each}


def _settings(module: str, asgi: str, found: set[str]) -> Iterator[str]:
    first = ["daphne"] if "partyrooms.W003" in found and find_spec("daphne") else []
    last = [each for each in ("rest_framework", module) if not apps.is_installed(each)]
    if first or last:
        names = [*map(_quoted, first), "*INSTALLED_APPS", *map(_quoted, last)]
        yield f"INSTALLED_APPS = [{', '.join(names)}]"
    if "partyrooms.E005" in found:
        yield f'MIDDLEWARE = [*MIDDLEWARE, "{HOOKS}"]'
    if "partyrooms.W008" in found:
        yield f'ASGI_APPLICATION = "{asgi}.application"'
    alias = get_settings().database
    lacks_options = found & {"partyrooms.W006", "partyrooms.W007"}
    # Options of the project's own are not written over: the check goes on saying it.
    if lacks_options and not django_settings.DATABASES[alias].get("OPTIONS"):
        yield _SQLITE.format(alias=alias)


def _urls(label: str, module: str, found: set[str]) -> Iterator[str]:
    yield "from django.urls import include, path\n\nurlpatterns += ["
    yield f'    path("{label}/", include("{module}.urls")),'
    if "partyrooms.E004" in found:
        yield '    path("", include("partyrooms.urls")),'
    yield "]"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _file(module: str) -> Path:
    spec = find_spec(module)
    path = spec.origin if spec else None
    return Path(path or f"{module.replace('.', '/')}.py")

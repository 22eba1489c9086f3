"""System checks: each names what is wrong and how to mend it."""

import functools
import sys

import pytest
from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application as djangos
from django.core.checks import Error, Warning, run_checks
from django.http import HttpResponse
from django.urls import clear_url_caches, include, path, re_path
from rest_framework.permissions import IsAuthenticated

from partyrooms import registry
from partyrooms import urls as room_urls
from partyrooms.asgi import get_asgi_application
from partyrooms.checks import options, services, signatures, spelling, wiring
from tests.web.conftest import MIDDLEWARE
from tests.web.rooms import Main, Members, Telling

HOOKS = MIDDLEWARE[-1]
REDIS = "channels_redis.pubsub.RedisPubSubChannelLayer"
MEMORY = "channels.layers.InMemoryChannelLayer"

urlpatterns = [path("", lambda request: HttpResponse())]
plain_application = djangos
router_without_sockets = ProtocolTypeRouter({"http": None})
router = ProtocolTypeRouter({"http": None, "websocket": None})


def ids(found):
    """The ids; each message must say how to mend it."""
    assert all(message.hint for message in found)
    return [message.id.removeprefix("partyrooms.") for message in found]


@pytest.fixture(autouse=True)
def wired_application(wired, monkeypatch):
    """A project that is complete; a test takes something away."""
    wired.ASGI_APPLICATION = f"{__name__}.application"
    monkeypatch.setitem(globals(), "application", get_asgi_application())
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)


def test_r1_a_complete_project_has_nothing_to_mend():
    """R1: these four are all the wiring there is."""
    tags = ["partyrooms", "security"]
    found = run_checks(tags=tags, include_deployment_checks=True)

    assert [m for m in found if m.id.startswith("partyrooms.")] == []


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("json.dumps", []),
        ("nowhere.default", ["E012"]),
        ("json.nothing", ["E012"]),
        ("json.__name__", ["E012"]),
    ],
)
def test_e012_functions(settings, path, found):
    """R31, W9: a setting names a function that cannot be imported, or is none."""
    for key in ("JSON_DEFAULT", "ALLOWED_ORIGINS"):
        settings.PARTYROOMS = {key: path}
        assert ids(options.check_functions()) == found
    assert ids(options.wrong_settings()) == found


@pytest.mark.parametrize(
    "given", [{"OWNER": "any"}, {"IDLE_TIMEOUT": 0}, {"MESSAGE_RATE": "fast"}, []]
)
def test_e001_settings(settings, given):
    """Section 11: an unknown key or an impossible value; nothing else fails over it."""
    settings.PARTYROOMS = given

    assert ids(options.check_settings()) == ["E001"]
    for check in (
        options.check_origins,
        options.check_database_alias,
        wiring.check_middleware,
        services.check_redis,
        services.check_shared_layer,
        services.check_sqlite,
    ):
        assert check() == []


def test_e002_allowed_origins(settings):
    """W9: what is no origin allows nothing; "*" is allowed as a whole."""
    settings.PARTYROOMS = {
        "ALLOWED_ORIGINS": ["*", "https://a.example", "https://*", "c"]
    }

    assert ids(options.check_origins()) == ["E002", "E002"]


def test_w013_origins_that_are_too_wide(settings, monkeypatch):
    """W9: of the setting and of a class; a function is not looked into."""
    settings.PARTYROOMS = {"ALLOWED_ORIGINS": ["null", "https://*.example.com"]}
    monkeypatch.setattr(Main, "allowed_origins", ["*"])

    found = options.check_wide_origins()

    assert ids(found) == ["W013", "W013"]
    assert "tests.web.rooms.Main" in found[0].msg
    settings.PARTYROOMS = {"ALLOWED_ORIGINS": "mysite.origins.find"}
    assert ids(options.check_wide_origins()) == ["W013"]


def test_e003_database(settings):
    """Section 11: the alias must be configured."""
    settings.PARTYROOMS = {"DATABASE": "rooms"}

    found = options.check_database_alias()

    assert ids(found) == ["E003"]
    assert "default" in found[0].hint


def test_e004_urls(settings):
    """R1: the URLs of rooms are included."""
    settings.ROOT_URLCONF = __name__

    assert ids(wiring.check_urls()) == ["E004"]
    del settings.ROOT_URLCONF
    assert wiring.check_urls() == []


def test_e005_middleware(settings):
    """R1: the hooks run, for handshakes too."""
    settings.MIDDLEWARE = MIDDLEWARE[:-1]
    settings.PARTYROOMS = {"WEBSOCKET_MIDDLEWARE": MIDDLEWARE[:2]}

    found = wiring.check_middleware()

    assert ids(found) == ["E005", "E005"]
    assert "WEBSOCKET_MIDDLEWARE" in found[1].msg


def test_w001_order_of_the_middleware(settings):
    """B1: what may refuse a request comes before the hooks."""
    csrf = "django.middleware.csrf.CsrfViewMiddleware"
    common = "django.middleware.common.CommonMiddleware"

    settings.MIDDLEWARE = [HOOKS, common, csrf, "no.such.Middleware"]
    found = wiring.check_middleware()
    settings.MIDDLEWARE = [csrf, HOOKS, common]

    assert ids(found) == ["W001"]
    assert csrf in found[0].msg
    assert wiring.check_middleware() == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nothing_there", ["E006"]),
        ("django_application", ["E006"]),
        ("router_without_sockets", ["E006"]),
        ("router", []),
        ("application", []),
    ],
)
def test_e006_application(settings, monkeypatch, name, expected):
    """R1: WebSockets get to the rooms."""
    monkeypatch.setitem(globals(), "django_application", djangos())
    settings.ASGI_APPLICATION = f"{__name__}.{name}"

    assert ids(wiring.check_application()) == expected


def test_e001_is_all_that_is_found_where_no_application_can_be_made(
    settings, monkeypatch
):
    """E001: an asgi.py that fails over the settings doesn't end the whole check."""
    monkeypatch.delitem(sys.modules, "tests.web.asgi", raising=False)
    settings.ASGI_APPLICATION = "tests.web.asgi.application"
    settings.PARTYROOMS = {"IDLE_TIMOUT": 5}

    assert ids(run_checks(tags=["partyrooms"])) == ["E001"]


def test_e006_a_module_that_raises(settings, monkeypatch):
    """R1: the message says what, whatever it is."""
    monkeypatch.setattr(wiring, "import_string", lambda path: 1 / 0)

    (found,) = wiring.check_application()

    assert found.id == "partyrooms.E006"
    assert "ZeroDivisionError: division by zero" in found.msg


def test_w008_no_application(settings):
    """R1: it cannot be seen."""
    settings.ASGI_APPLICATION = None

    assert ids(wiring.check_application()) == ["W008"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("subprotocols", "chat"),
        ("subprotocols", None),
        ("permission_classes", IsAuthenticated),
        ("renderer_classes", "JSONRenderer"),
        ("parser_classes", ["JSONParser"]),
        ("allowed_origins", ["example.com"]),
        ("allowed_origins", "mysite.nowhere"),
        ("auto_response", {"ping": b"pong"}),
        ("auto_response", ["ping"]),
        ("message_rate", "100"),
        ("max_connections", 0),
        ("max_message_size", "1 MiB"),
    ],
)
def test_e007_options_of_a_class(monkeypatch, option, value):
    """R26: an option with a value that it cannot have; the message names the class."""
    name = "tests.web.rooms.Members"
    assert name not in {message.obj for message in options.check_room_classes()}
    monkeypatch.setattr(Members, option, value)

    found = [m for m in options.check_room_classes() if m.obj == name]

    assert ids(found) == ["E007"]
    assert option in found[0].msg


@pytest.mark.parametrize("name", ["on_before_connect", "on_fetch"])
def test_e008_hooks_outside_of_rooms_are_class_methods(monkeypatch, name):
    """B1, B8: there is no room yet that a plain method could be called on."""
    right = classmethod(lambda cls, request, lobby: None)
    monkeypatch.setattr(Main, name, right, raising=False)
    assert ids(options.check_class_methods()) == []
    monkeypatch.setattr(Main, name, lambda self, request, lobby: None)

    found = options.check_class_methods()

    assert ids(found) == ["E008"]
    assert found[0].obj == "tests.web.rooms.Main"
    assert name in found[0].msg


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        ("on_mesage", "on_message"),
        ("onMessage", "on_message"),
        ("on_connected", "on_connect"),
        ("on_before_conect", "on_before_connect"),
        ("getConnectionTags", "get_connection_tags"),
    ],
)
def test_w011_a_misspelt_hook(monkeypatch, name, hook):
    """Section 3: nobody would call it, and nobody say so."""
    monkeypatch.setattr(Members, name, lambda self, *args: None, raising=False)

    (found,) = spelling.check_hook_names()

    assert (found.id, found.obj) == ("partyrooms.W011", "tests.web.rooms.Members")
    assert f"{name} is no hook" in found.msg
    assert f"did you mean {hook}?" in found.msg


@pytest.mark.parametrize(
    "name", ["on_joined", "on_player_moved", "get_history", "only"]
)
def test_w011_other_methods_are_the_projects(monkeypatch, name):
    """Section 3: a class may have any further ones."""
    monkeypatch.setattr(Members, name, lambda self: None, raising=False)

    assert spelling.check_hook_names() == []


@pytest.mark.parametrize("name", ["on_fetch", "on_socket"])
def test_w010_hooks_of_the_party_main_elsewhere(monkeypatch, name):
    """B8, B9: in another class they are never called."""
    hook = classmethod(lambda cls, subject, lobby: None)
    monkeypatch.setattr(Members, name, hook, raising=False)

    found = options.check_class_methods()

    assert ids(found) == ["W010"]
    assert found[0].obj == "tests.web.rooms.Members"
    assert name in found[0].msg


def test_w010_a_common_base_may_have_them(monkeypatch):
    """The party main has them as well, and there they are called."""
    hook = classmethod(lambda cls, subject, lobby: None)
    monkeypatch.setattr(Telling, "on_fetch", hook, raising=False)

    assert all(m.obj != "tests.web.rooms.Main" for m in options.check_class_methods())
    monkeypatch.setattr(registry, "_classes", {"main": Main, "other": Telling})
    assert ids(options.check_class_methods()) == []


def test_w002_rest_framework(settings):
    """H2: the browsable API has its templates."""
    settings.INSTALLED_APPS = [
        name for name in settings.INSTALLED_APPS if name != "rest_framework"
    ]

    assert ids(wiring.check_apps()) == ["W002"]


@pytest.fixture
def project(tmp_path, monkeypatch, settings):
    """The folder of a project "site_w012" whose settings Django has."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "site_w012").mkdir()
    for name in ("__init__.py", "settings.py"):
        (tmp_path / "site_w012" / name).touch()
    settings.SETTINGS_MODULE = "site_w012.settings"
    return tmp_path


def app(project, name, *files):
    (project / name).mkdir()
    for file in files:
        (project / name / file).touch()


def test_w012_an_app_with_rooms_that_is_not_installed(project, settings):
    """R1: the tutorial says that check names a line that is missing."""
    app(project, "chat_w012", "__init__.py", "rooms.py")
    app(project, "blog_w012", "__init__.py", "models.py")
    app(project, "notes_w012", "rooms.py")  # no package, so no app

    missing = wiring.check_installed()
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "chat_w012"]

    assert ids(missing) == ["W012"]
    assert "chat_w012/rooms.py" in missing[0].msg
    assert "'chat_w012'" in missing[0].hint
    assert wiring.check_installed() == []


def test_w012_needs_to_know_where_the_project_is(project, settings):
    """R1: settings that were given in code, or one module, are no mistake."""
    app(project, "chat_w012", "__init__.py", "rooms.py")
    (project / "settings_w012.py").touch()

    settings.SETTINGS_MODULE = None
    nowhere = wiring.check_installed()
    settings.SETTINGS_MODULE = "settings_w012"

    assert nowhere == []
    assert ids(wiring.check_installed()) == ["W012"]


@pytest.mark.parametrize(
    ("debug", "provider", "expected"),
    [
        (True, "django.contrib.staticfiles", ["W003"]),
        (True, "django.core", ["W003"]),
        (True, "daphne", []),
        (False, "django.core", []),
    ],
)
def test_w003_runserver(settings, monkeypatch, debug, provider, expected):
    """Section 12: runserver serves WebSockets."""
    settings.DEBUG = debug
    monkeypatch.setattr(wiring, "get_commands", lambda: {"runserver": provider})

    assert ids(wiring.check_runserver()) == expected


@pytest.mark.parametrize(
    ("backend", "hosts", "version", "expected"),
    [
        (REDIS, None, "8.1.0", ["W004"]),
        (REDIS, ["redis://a"], "9.0.0", ["W004"]),
        (REDIS, [{"address": "a", "socket_timeout": None}], "8.1.0", []),
        (REDIS, None, "7.4.1", []),
        (REDIS, None, "unknown", []),
        (MEMORY, None, "8.1.0", []),
    ],
)
def test_w004_redis(settings, monkeypatch, backend, hosts, version, expected):
    """DESIGN 3.6: redis-py 8 ends idle channels."""
    monkeypatch.setattr(services, "version", lambda package: version)
    config = {} if hosts is None else {"CONFIG": {"hosts": hosts}}
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, **config}}

    assert ids(services.check_redis()) == expected


@pytest.mark.parametrize(
    ("workers", "layers", "expected"),
    [
        ("2", {"default": {"BACKEND": MEMORY}}, ["W005"]),
        ("2", {}, ["W005"]),
        ("2", {"default": {"BACKEND": REDIS}}, []),
        ("1", {"default": {"BACKEND": MEMORY}}, []),
        ("many", {}, []),
    ],
)
def test_w005_several_processes(settings, monkeypatch, workers, layers, expected):
    """DESIGN 1: several processes need a layer that they share."""
    monkeypatch.setenv("WEB_CONCURRENCY", workers)
    settings.CHANNEL_LAYERS = layers

    assert ids(services.check_shared_layer()) == expected


@pytest.mark.parametrize(
    ("engine", "options", "expected"),
    [
        ("sqlite3", {}, ["W006", "W007"]),
        ("sqlite3", {"transaction_mode": "DEFERRED"}, ["W006", "W007"]),
        ("sqlite3", {"transaction_mode": "immediate"}, ["W007"]),
        ("sqlite3", {"init_command": "pragma journal_mode = wal"}, ["W006"]),
        ("postgresql", {}, []),
    ],
)
def test_w006_w007_sqlite(monkeypatch, engine, options, expected):
    """DESIGN 3.11: writers wait their turn, readers don't."""
    database = {"ENGINE": f"django.db.backends.{engine}", "OPTIONS": options}
    monkeypatch.setattr(services, "_database", lambda alias: database)

    assert ids(services.check_sqlite()) == expected


def test_w009_daphne_in_production(monkeypatch):
    """DESIGN 3.15: only with --deploy."""
    monkeypatch.setattr(services.apps, "is_installed", lambda name: name == "daphne")

    assert ids(services.check_production_server()) == ["W009"]
    found = run_checks(tags=["security"])
    assert "partyrooms.W009" not in {message.id for message in found}
    found = run_checks(tags=["security"], include_deployment_checks=True)
    assert "partyrooms.W009" in {message.id for message in found}


def test_errors_stop_a_server_and_warnings_do_not(settings):
    """The letter of an id says which it is."""
    settings.MIDDLEWARE = []
    settings.ASGI_APPLICATION = None

    assert type(wiring.check_middleware()[0]) is Error
    assert type(wiring.check_application()[0]) is Warning


def wrapped(view):
    """As ``login_required`` and others do it."""

    @functools.wraps(view)
    async def guard(request, *args, **kwargs):
        return await view(request, *args, **kwargs)

    return guard


def test_b5_a_decorator_around_the_urls_is_refused(wired, monkeypatch):
    """B5: no handshake passes through it: HTTP would be guarded, sockets not."""
    guarded = [
        re_path(str(one.pattern), wrapped(one.callback), one.default_args)
        for one in room_urls.urlpatterns
    ]
    urls = [path("rooms/", include((guarded, "partyrooms")))]
    monkeypatch.setattr(sys.modules[__name__], "urlpatterns", urls)
    wired.ROOT_URLCONF = __name__
    clear_url_caches()

    assert ids(wiring.check_decorators()) == ["E011", "E011"]


def test_b5_the_urls_alone_are_no_decorator():
    """R1: as the manual includes them."""
    assert wiring.check_decorators() == []


WRONG = {
    "on_start": lambda self, connection: None,
    "on_connect": lambda self, connection: None,
    "on_message": lambda self, sender, message, extra: None,
    "on_close": lambda self, connection, code, reason: None,
    "on_request": lambda self: None,
    "on_alarm": lambda self, alarm: None,
    "on_before_request": classmethod(lambda cls, request: None),
    "on_before_connect": staticmethod(lambda cls, request, lobby: None),
    "on_socket": classmethod(lambda cls, socket: None),
    "on_cron": classmethod(lambda cls: None),
    "get_connection_tags": lambda self: None,
}


@pytest.mark.parametrize("name", WRONG)
def test_r7_a_hook_must_take_what_it_is_called_with(name, monkeypatch):
    """R7, B1: else each event fails; the hint has the right arguments."""
    monkeypatch.setattr(Members, name, WRONG[name], raising=False)

    (found,) = signatures.check_signatures()

    assert (found.id, name in found.msg) == ("partyrooms.E010", True)
    assert f"def {name}(" in found.hint


async def _plain(self, a, b="", *more, **options): ...


@pytest.mark.parametrize(
    "hook",
    [
        _plain,
        lambda *args: None,
        lambda self, a, b: None,
        classmethod(lambda cls, a, b: None),
        staticmethod(lambda a, b: None),
    ],
)
def test_r7_a_hook_may_be_written_in_any_way(hook, monkeypatch):
    """R7: `async def` or `def`; other names, defaults and stars are its own affair."""
    monkeypatch.setattr(Members, "on_message", hook, raising=False)

    assert signatures.check_signatures() == []

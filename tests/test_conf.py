"""``settings.PARTYROOMS`` as the package reads it; SPEC section 11."""

from dataclasses import FrozenInstanceError, fields

import pytest
from django.core.exceptions import ImproperlyConfigured

from partyrooms.conf import Settings, get_settings

MIB = 1024 * 1024

DEFAULTS = {
    "OWNERS": "any",
    "CHANNEL_LAYER": "default",
    "DATABASE": "default",
    "ALLOWED_ORIGINS": (),
    "WEBSOCKET_MIDDLEWARE": None,
    "IDLE_TIMEOUT": 60.0,
    "HIBERNATE_AFTER": 10.0,
    "HOOK_TIMEOUT": 30.0,
    "CONNECT_TIMEOUT": 10.0,
    "MAX_MESSAGE_SIZE": MIB,
    "MAX_BODY_SIZE": MIB,
    "MAX_VALUE_SIZE": MIB,
    "MAX_ROOM_SIZE": 64 * MIB,
    "MAX_QUEUED_BYTES": MIB,
    "JSON_DEFAULT": None,
    "MAILBOX_SIZE": 1000,
    "MESSAGE_RATE": None,
    "HEARTBEAT_INTERVAL": 2.0,
    "LEASE_TTL": 10.0,
}

DURATIONS = [
    *("IDLE_TIMEOUT", "HIBERNATE_AFTER", "HOOK_TIMEOUT", "CONNECT_TIMEOUT"),
    *("HEARTBEAT_INTERVAL", "LEASE_TTL"),
]

COUNTS = [
    *("MAX_MESSAGE_SIZE", "MAX_BODY_SIZE", "MAX_VALUE_SIZE", "MAX_ROOM_SIZE"),
    *("MAX_QUEUED_BYTES", "MAILBOX_SIZE"),
]


@pytest.mark.parametrize("given", [None, {}])
def test_every_key_is_optional(settings, given):
    """Without the dict, and with an empty one, section 11's defaults hold."""
    if given is None:
        del settings.PARTYROOMS
    else:
        settings.PARTYROOMS = given

    read = get_settings()

    assert {f.name.upper(): getattr(read, f.name) for f in fields(read)} == DEFAULTS


def test_each_setting_has_a_rule():
    """A field without one could never be set."""
    without = [field.name for field in fields(Settings) if not field.metadata["rule"]]

    assert without == []


def test_settings_cannot_be_changed():
    """They are read once and shared by everybody."""
    with pytest.raises(FrozenInstanceError):
        get_settings().owners = "workers"


def test_an_override_is_honoured_and_ends(settings):
    """``override_settings`` works in projects' tests."""
    settings.PARTYROOMS = {"MAILBOX_SIZE": 5}
    during = get_settings().mailbox_size

    settings.PARTYROOMS = {}

    assert (during, get_settings().mailbox_size) == (5, 1000)


def test_another_setting_forgets_nothing(settings):
    """Only PARTYROOMS is read again."""
    before = get_settings()

    settings.LANGUAGE_CODE = "eo"

    assert get_settings() is before


@pytest.mark.parametrize("name", DURATIONS)
def test_durations_are_floats(settings, name):
    """Whole numbers of seconds may be given."""
    settings.PARTYROOMS = {"HEARTBEAT_INTERVAL": 1, "LEASE_TTL": 21} | {name: 7}

    seconds = getattr(get_settings(), name.lower())

    assert (seconds, type(seconds)) == (7.0, float)


def test_lists_become_tuples(settings):
    """So that nobody changes what everybody shares."""
    settings.PARTYROOMS = {
        "ALLOWED_ORIGINS": ["https://example.com"],
        "WEBSOCKET_MIDDLEWARE": [],
    }

    read = get_settings()

    assert read.allowed_origins == ("https://example.com",)
    assert read.websocket_middleware == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in DURATIONS for value in (0, -1, True, "5", None)),
        *((name, value) for name in COUNTS for value in (0, -1, True, 1.5, "5", None)),
        ("OWNERS", "all"),
        ("OWNERS", ["any"]),
        ("CHANNEL_LAYER", ""),
        ("DATABASE", 3),
        ("ALLOWED_ORIGINS", "https://example.com"),
        ("ALLOWED_ORIGINS", [""]),
        ("ALLOWED_ORIGINS", None),
        ("WEBSOCKET_MIDDLEWARE", "path.to.middleware"),
        ("WEBSOCKET_MIDDLEWARE", [None]),
        ("MESSAGE_RATE", "fast"),
        ("MESSAGE_RATE", 100),
    ],
)
def test_an_impossible_value_is_refused(settings, name, value):
    """With its key, the value, and what is possible."""
    settings.PARTYROOMS = {name: value}

    with pytest.raises(ImproperlyConfigured) as caught:
        get_settings()

    text = str(caught.value)
    assert text.startswith(f"PARTYROOMS['{name}'] is {value!r}; it must be ")


@pytest.mark.parametrize("name", DURATIONS)
def test_nan_is_no_duration(settings, name):
    """Nothing is ever later than nan seconds, so such a timeout would never come."""
    settings.PARTYROOMS = {name: float("nan")}

    with pytest.raises(ImproperlyConfigured):
        get_settings()


@pytest.mark.parametrize("name", DURATIONS)
def test_only_what_may_never_come_may_be_inf(settings, name):
    """A lease that never ends, or is never renewed, would keep rooms for ever."""
    settings.PARTYROOMS = {name: float("inf")}

    if name in ("IDLE_TIMEOUT", "HIBERNATE_AFTER", "HOOK_TIMEOUT"):
        assert getattr(get_settings(), name.lower()) == float("inf")
        return
    with pytest.raises(ImproperlyConfigured, match=f"{name}'] is inf;.* not inf"):
        get_settings()


@pytest.mark.parametrize("name", DURATIONS)
def test_an_int_that_no_float_can_be_is_no_duration(settings, name):
    """It is refused, and does not end the process with an OverflowError."""
    settings.PARTYROOMS = {name: 10**400}

    with pytest.raises(ImproperlyConfigured, match="a number of seconds above 0"):
        get_settings()


def test_unknown_keys_are_refused(settings):
    """With all of them, and with those that exist: it is a misspelling."""
    settings.PARTYROOMS = {"MAILBOXSIZE": 5, "owners": "any", 3: 4}

    with pytest.raises(ImproperlyConfigured) as caught:
        get_settings()

    text = str(caught.value)
    guesses = "MAILBOXSIZE (did you mean MAILBOX_SIZE?), owners (did you mean OWNERS?)"
    assert f"unknown keys: 3, {guesses}. Known are ALLOWED_ORIGINS" in text


@pytest.mark.parametrize("given", [[], "OWNERS", None])
def test_something_else_than_a_dict_is_refused(settings, given):
    """By the name of its type."""
    settings.PARTYROOMS = given

    with pytest.raises(ImproperlyConfigured, match=f"not {type(given).__name__}"):
        get_settings()


def test_a_lease_outlives_three_heartbeats(settings):
    """Or one slow query would make a process lose its rooms."""
    settings.PARTYROOMS = {"LEASE_TTL": 6, "HEARTBEAT_INTERVAL": 2}
    exact = get_settings().lease_ttl
    settings.PARTYROOMS = {"LEASE_TTL": 5.9, "HEARTBEAT_INTERVAL": 2}

    with pytest.raises(ImproperlyConfigured, match="three HEARTBEAT_INTERVALs"):
        get_settings()

    assert exact == 6.0

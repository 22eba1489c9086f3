"""Whether a page may open a socket."""

import pytest

from partyrooms.core.origins import is_allowed, require_form, too_wide

OWN = "https://example.com"


@pytest.mark.parametrize(
    "origin",
    ["https://example.com", "https://example.com:443", "HTTPS://Example.COM"],
)
def test_w9_the_sites_own_pages_may_connect(origin: str):
    """W9: same scheme, host and port; default ports may be left out."""
    assert is_allowed(origin, own=OWN, allowed=(), has_cookies=True)


@pytest.mark.parametrize(
    "origin",
    [
        "http://example.com", "https://example.com:8443", "https://example.com.evil",
        "https://sub.example.com", "https://evil/https://example.com", "null", "",
        "https://example.com/", "https://example.com@evil", "https://example.com evil",
        "https://example.com,https://evil", "example.com", "https://*",
    ],
)  # fmt: skip
def test_w9_other_pages_may_not(origin: str):
    """W9: an origin that differs, or is none, is refused, cookies or not."""
    assert not is_allowed(origin, own=OWN, allowed=(), has_cookies=True)
    assert not is_allowed(origin, own=OWN, allowed=(), has_cookies=False)


def test_w9_a_port_of_the_own_site_counts():
    """W9: another port is another origin."""
    own = "http://localhost:8000"

    assert is_allowed("http://localhost:8000", own=own, allowed=(), has_cookies=True)
    assert not is_allowed("http://localhost", own=own, allowed=(), has_cookies=True)


def test_w9_a_listed_origin_may_connect():
    """W9: ALLOWED_ORIGINS are compared in their one form."""
    allowed = ("https://App.example:443", "http://[::1]:3000")

    for origin in ("https://app.example", "http://[::1]:3000"):
        assert is_allowed(origin, own=OWN, allowed=allowed, has_cookies=True)


def test_w9_the_star_allows_every_origin_only_as_a_whole():
    """W9: "*" on its own allows all; as a part of an origin it allows nothing."""
    assert is_allowed("null", own=OWN, allowed=("*",), has_cookies=True)
    assert is_allowed(None, own=OWN, allowed=("*",), has_cookies=True)
    for pattern in ("https://*", "https://a.*", "https://*a.evil.example", "*.example"):
        assert not is_allowed(
            "https://a.evil.example", own=OWN, allowed=(pattern,), has_cookies=True
        )


def test_w9_a_client_without_an_origin_may_have_no_cookies():
    """W9: what is no browser sends no Origin, and has no business with cookies."""
    assert is_allowed(None, own=OWN, allowed=(), has_cookies=False)
    assert not is_allowed(None, own=OWN, allowed=(), has_cookies=True)


def test_a_malformed_own_origin_matches_nothing():
    """Two things that are no origins are not the same origin."""
    assert not is_allowed("null", own="http://", allowed=(), has_cookies=False)


@pytest.mark.parametrize(
    ("allowed", "origin", "expected"),
    [
        ("https://*.example.app", "https://a.example.app", True),
        ("https://*.example.app", "https://a-1.b.Example.app:443", True),
        ("https://*.example.app", "https://example.app", False),
        ("https://*.example.app", "https://.example.app", False),
        ("https://*.example.app", "https://evilexample.app", False),
        ("https://*.example.app", "https://a.example.app.evil", False),
        ("https://*.example.app", "https://evil/.example.app", False),
        ("https://*.example.app", "https://u@a.example.app", False),
        ("https://*.example.app", "https://*.example.app", False),
        ("https://*.example.app", "https://a.example.app:8443", False),
        ("https://*.example.app", "http://a.example.app", False),
        ("https://*.example.app:*", "https://a.example.app:8443", True),
        ("http://localhost:*", "http://localhost", True),
        ("http://localhost:*", "http://localhost:3000", True),
        ("http://localhost:*", "http://localhost:", False),
        ("http://localhost:*", "http://localhost:3000.evil", False),
        ("http://localhost:*", "http://localhost.evil:3000", False),
        ("null", "null", True),
        ("null", "http://null", False),
        ("http://null", "null", False),
        ("file://", "file://", True),
        ("file://", "file://host", False),
        ("capacitor://localhost", "capacitor://localhost", True),
        ("capacitor://localhost", "ionic://localhost", False),
        ("moz-extension://*", "moz-extension://0a1b-2c", True),
        ("moz-extension://*", "moz-extension://", False),
        ("moz-extension://*", "https://a", False),
    ],
)
def test_w9_patterns_ports_null_and_schemes(allowed: str, origin: str, expected: bool):
    """W9: one or more labels; any port; shells of desktop and mobile."""
    found = is_allowed(origin, own=OWN, allowed=(allowed,), has_cookies=True)

    assert found == expected


@pytest.mark.parametrize(
    ("allowed", "is_wide"),
    [
        ("*", True),
        ("null", True),
        ("https://*.com", True),
        ("https://*.github.io", True),
        ("moz-extension://*", True),
        ("https://*.example.com", False),
        ("https://me.github.io", False),
        ("http://localhost:*", False),
        ("file://", False),
        ("nonsense", False),
    ],
)
def test_w9_what_lets_in_strangers_is_too_wide(allowed: str, is_wide: bool):
    """W9: the text says who comes in."""
    assert bool(too_wide(allowed)) == is_wide


@pytest.mark.parametrize(
    "text", ["", "https://", "https://*", "example.com", "https://a/b", "https://a:b"]
)
def test_no_origin_is_refused_with_what_one_looks_like(text: str):
    """The error shows the form."""
    with pytest.raises(ValueError, match="scheme://host"):
        require_form(text)

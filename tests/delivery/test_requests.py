"""Requests that rooms are given: what their bodies may be."""

import bz2
import io

import pytest
from rest_framework import parsers
from rest_framework.exceptions import ParseError

from partyrooms.core.keys import RoomKey
from partyrooms.delivery.requests import (
    RoomRequest,
    describe_request,
    http_request,
    make_parsers,
)

BOMB = bz2.compress(b" " * 100_000_000)
PARSERS = (parsers.JSONParser, parsers.FormParser, parsers.MultiPartParser)
PACKED = ("bz2", "zlib_codec", "base64", "hex", "rot13", "uu")


@pytest.fixture
def older_drf(monkeypatch):
    """REST framework before 3.18, which decodes with every codec that there is."""
    monkeypatch.setattr(
        parsers, "get_encoding", lambda context: context["encoding"], raising=False
    )


def posted(body, content_type):
    copy = describe_request(
        RoomKey("main", "a"),
        "",
        method="POST",
        query="q=1",
        headers={"Content-Type": content_type, "Content-Length": str(len(body))},
        body=body,
    )
    return RoomRequest(http_request(copy), parsers=make_parsers(PARSERS))


@pytest.mark.usefixtures("older_drf")
@pytest.mark.parametrize("charset", PACKED)
@pytest.mark.parametrize(
    "media_type", ["application/json", "application/x-www-form-urlencoded"]
)
def test_h8_a_body_is_text_and_no_archive(media_type, charset):
    """H8: a charset that unpacks it would lift the limit; the answer is 400."""
    request = posted(BOMB, f"{media_type}; charset={charset}")

    with pytest.raises(ParseError, match="no charset of text"):
        _ = request.data


@pytest.mark.usefixtures("older_drf")
def test_h8_a_parser_is_not_asked_to_unpack():
    """H8: also where the room is in another process."""
    (parser,) = make_parsers([parsers.JSONParser])

    with pytest.raises(ParseError):
        parser.parse(
            io.BytesIO(BOMB), "application/json; charset=bz2", {"encoding": "bz2"}
        )


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "utf-16", "unheard-of"])
def test_h3_text_has_any_charset(charset):
    """H3: what Django does not know is UTF-8."""
    known = "utf-8" if charset == "unheard-of" else charset
    request = posted('{"a": "é"}'.encode(known), f"application/json; charset={charset}")

    assert request.data == {"a": "é"}


@pytest.mark.parametrize("charset", PACKED)
def test_h3_the_query_is_read_whatever_the_body_is(charset):
    """H3: it has no charset but UTF-8."""
    assert posted(b"", f"text/plain; charset={charset}").query_params["q"] == "1"

"""A cookie line reaches the client as the room wrote it."""

import pickle

import pytest
from django.http import HttpResponse
from rest_framework.response import Response

from partyrooms.delivery.responses import plain_response, set_headers, to_answer

LINES = [
    "sid=1; Path=/; Secure; Partitioned",
    "sid=1; Path=/; Priority=High; SameSite=Lax",
    "sid=1; path=/; Max-Age=010",
    'sid="a b"; Expires=Wed, 21 Oct 2015 07:28:00 GMT',
    "sid=a=b==; Future; X=1",
    "sid=",
    "b@d=1; Path=/",
]


def sent(response):
    return [cookie.output(header="").strip() for cookie in response.cookies.values()]


def carried(value):
    """What becomes of a room's response on its way to the client."""
    answer = to_answer(value)
    response = plain_response(answer)
    set_headers(response, answer)
    return response


@pytest.mark.parametrize("make", [HttpResponse, Response])
@pytest.mark.parametrize("line", LINES)
def test_h4_a_cookie_line_is_unchanged(make, line):
    """H4: whatever attributes and values Python's parser knows."""
    response = carried(make(headers={"Set-Cookie": line}))

    assert sent(response) == [line]
    assert "Set-Cookie" not in response.headers


def test_h4_cookies_of_one_name_are_all_sent():
    """H4: they may differ in their path."""
    value = HttpResponse(headers={"Set-Cookie": "sid=1; Path=/a"})
    value.set_cookie("sid", "2", path="/b")
    value.set_cookie("other", "3")

    assert sorted(sent(carried(value))) == [
        "other=3; Path=/",
        "sid=1; Path=/a",
        "sid=2; Path=/b",
    ]


def test_h4_a_middleware_may_add_to_a_cookie():
    """H4: what it adds follows, what it sets anew replaces the line."""
    response = carried(HttpResponse(headers={"Set-Cookie": "sid=1; Partitioned"}))
    response.cookies["sid"]["samesite"] = "None"
    added = sent(response)
    response.set_cookie("sid", "2")

    assert added == ["sid=1; Partitioned; SameSite=None"]
    assert sent(response)[0].startswith("sid=2; ")
    assert "Partitioned" not in sent(response)[0]


def test_h4_a_cookie_line_survives_a_cache():
    """H4: Django's cache middleware pickles responses."""
    response = carried(HttpResponse(headers={"Set-Cookie": LINES[0]}))

    copy = pickle.loads(pickle.dumps(response))  # noqa: S301 - it is the test's own

    assert sent(copy) == LINES[:1]

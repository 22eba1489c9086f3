"""What on_request may return, as an answer that can travel."""

import datetime
import json

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import SimpleTemplateResponse
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import Throttled, ValidationError
from rest_framework.response import Response

from partyrooms.core.frames import Answer, AnswerKind
from partyrooms.delivery.responses import Refusal, error_answer, to_answer
from partyrooms.exceptions import Reject


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (None, Answer(status=204)),
        ({"a": 1}, Answer(status=200, kind=AnswerKind.DATA, body=b'{"a":1}')),
        ([], Answer(status=200, kind=AnswerKind.DATA, body=b"[]")),
        ("\u00e9", Answer(status=200, kind=AnswerKind.TEXT, body=b"\xc3\xa9")),
        (
            b"\xff",
            Answer(
                status=200,
                kind=AnswerKind.BYTES,
                body=b"\xff",
                content_type="application/octet-stream",
            ),
        ),
        (Response(status=205), Answer(status=205)),
        (
            Response("text", status=201, headers={"X-A": "b"}),
            Answer(
                status=201,
                kind=AnswerKind.DATA,
                body=b'"text"',
                headers=[("X-A", "b")],
            ),
        ),
        (
            HttpResponse("<p>", status=404),
            Answer(
                status=404,
                kind=AnswerKind.BYTES,
                body=b"<p>",
                content_type="text/html; charset=utf-8",
            ),
        ),
    ],
)
def test_h4_each_value_is_an_answer(value, answer):
    """H4: what a room may return."""
    assert to_answer(value) == answer


def test_h4_a_template_is_rendered():
    """H4: a TemplateResponse is an HttpResponse."""
    template = engines["django"].from_string("Hi {{ name }}")
    answer = to_answer(SimpleTemplateResponse(template, {"name": "Ann"}))

    assert answer.body == b"Hi Ann"


def test_h4_cookies_travel_as_headers():
    """H4: one for each."""
    response = HttpResponse()
    response.set_cookie("a", "1", httponly=True)
    response.set_cookie("b", "2")

    assert to_answer(response).headers == [
        ("Set-Cookie", "a=1; HttpOnly; Path=/"),
        ("Set-Cookie", "b=2; Path=/"),
    ]


def test_h4_data_may_be_what_rest_framework_can_encode():
    """H4: more than JSON itself knows."""
    day = datetime.date(2026, 1, 2)

    assert json.loads(to_answer({"day": day}).body) == {"day": "2026-01-02"}


@pytest.mark.parametrize(
    "value",
    [3, True, object(), (1,), {1}, bytearray(b"a"), StreamingHttpResponse([b"a"])],
)
def test_h4_anything_else_is_refused_with_what_is_allowed(value):
    """H4: the error names what was returned and what may be."""
    with pytest.raises(TypeError, match=r"allowed are .*Response.*dict, list, str"):
        to_answer(value)


@pytest.mark.parametrize("value", [{"a": object()}, [float("nan")]])
def test_h4_what_json_cannot_hold_is_refused(value):
    """H4: at the place where it was returned."""
    with pytest.raises((TypeError, ValueError)):
        to_answer(value)


def test_an_answer_is_a_snapshot():
    """The room's state changes after its turn; the answer does not."""
    messages = ["one"]
    answer = to_answer({"messages": messages})
    messages.append("two")

    assert answer.body == b'{"messages":["one"]}'


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValidationError("no"), 400),
        (Http404(), 404),
        (PermissionDenied(), 403),
        (Throttled(wait=3), 429),
    ],
)
def test_h5_these_exceptions_have_a_status(error, status):
    """H5: by the project's EXCEPTION_HANDLER."""
    answer = error_answer(error)

    assert answer.status == status
    assert answer.kind is AnswerKind.DATA


def test_h5_the_handlers_headers_are_kept():
    """H5: as Retry-After of a throttle."""
    assert error_answer(Throttled(wait=3)).headers == [("Retry-After", "3")]


def test_h5_a_defect_has_none():
    """H5: the worker tells it to on_exception."""
    assert error_answer(ZeroDivisionError()) is None


@pytest.mark.parametrize("code", [1000, 1008, 3000, 4999])
def test_b4_a_code_that_a_frame_may_carry_is_kept(code):
    """B4: Reject's own ones."""
    assert Refusal.of(Reject(code, "x")).close_code == code


@pytest.mark.parametrize(
    "code", [0, 999, 1001, 1005, 1006, 1011, 2999, 5000, "log in first", None]
)
def test_b4_another_code_becomes_1008(code):
    """B4: a server would fail on it, or mean something else by it."""
    assert Refusal.of(Reject(code, "x")).close_code == 1008


@pytest.mark.parametrize(
    ("reason", "text"),
    [(None, ""), (5, "5"), (gettext_lazy("Log in first."), "Log in first.")],
)
def test_b4_a_reason_is_made_a_text(reason, text):
    """B4: a client is turned away, whatever a hook calls a reason."""
    assert Refusal.of(Reject(4401, reason)).close_reason == text


def test_b4_a_reason_in_the_place_of_the_code_is_told(caplog):
    """B4: the log says how to write it."""
    Refusal.of(Reject("log in first"))

    assert "Reject(reason=...)" in caplog.text

"""Names of Django, asgiref and REST framework that are not public: they still work."""

import io
import logging

import pytest
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.dispatch import Signal
from django.http import HttpResponse, StreamingHttpResponse
from django.utils.functional import SimpleLazyObject
from django.utils.log import log_response

from partyrooms.delivery.internals import (
    abandon_thread,
    already_logged,
    has_thread,
    is_djangos_own,
    is_lazy,
    iterator_of,
    keep_body,
    middleware_setting,
    receivers_of,
    take_body,
)

SCOPE = {"type": "http", "method": "POST", "path": "/", "headers": []}


def request_with(body):
    return ASGIRequest(SCOPE, io.BytesIO(body))


def test_django_logs_no_response_that_is_marked(caplog):
    """One record tells of one failure."""
    with caplog.at_level(logging.WARNING, "django.request"):
        log_response("plain", response=HttpResponse(status=500), request=None)
        marked = already_logged(HttpResponse(status=500))
        log_response("marked", response=marked, request=None)

    assert [record.message for record in caplog.records] == ["plain"]


def test_the_generator_of_a_streaming_response_can_be_closed():
    """H4: the room's own generator is closed, not one around it."""

    async def stream():
        yield "text"

    generator = stream()

    assert iterator_of(StreamingHttpResponse(generator)) is generator


def test_a_body_over_djangos_limit_for_forms_is_read(settings):
    """H8: MAX_BODY_SIZE decides; the room reads it after Django has closed it."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1
    request = request_with(b"four")

    body = take_body(request, limit=4, announced=4)
    stream = request.read()
    request.close()

    assert stream == b"four"
    assert body == request.body == b"four"


@pytest.mark.parametrize("announced", [0, 5])
def test_a_body_over_the_limit_is_refused(announced):
    """H8: whatever the client announces."""
    with pytest.raises(RequestDataTooBig):
        take_body(request_with(b"fifth"), limit=4, announced=announced)


def test_a_body_that_is_being_read_as_a_stream_is_left_alone():
    """A middleware has begun to parse a form."""
    request = request_with(b"four")
    request.read(1)

    assert take_body(request, limit=1, announced=4) is None
    assert request.read() == b"our"


def test_a_body_can_be_replaced():
    """A handshake has none, whatever it announces."""
    request = request_with(b"")

    keep_body(request, b"none")

    assert request.body == b"none"


def test_a_lazy_user_is_told_from_one_that_was_loaded():
    """H2: a look at it would be a query on the event loop."""
    user = SimpleLazyObject(object)

    assert is_lazy(user)
    assert not is_djangos_own(user)
    bool(user)
    assert not is_lazy(user)
    assert not is_lazy(object())


def test_the_user_of_djangos_middleware_is_known():
    """H2: nobody is logged in where no session is named, and that needs no query."""
    request = request_with(b"")
    request.session = {}

    AuthenticationMiddleware(HttpResponse).process_request(request)

    assert is_lazy(request.user)
    assert is_djangos_own(request.user)


def test_the_receivers_of_a_signal_are_listed():
    """Those of other senders are not."""
    signal = Signal()

    def plain(**kwargs):
        pass

    async def asynchronous(**kwargs):
        pass

    signal.connect(plain)
    signal.connect(asynchronous)
    signal.connect(print, sender=str)

    assert receivers_of(signal, int) == ([plain], [asynchronous])


async def test_a_thread_is_seen_and_can_be_left_to_end_by_itself():
    """R7: a hook that hangs in it stops no other request."""
    context = ThreadSensitiveContext()
    async with context:
        before = has_thread()
        await sync_to_async(int)()
        after = has_thread()
        executor = SyncToAsync.context_to_thread_executor[context]
        abandon_thread(context)

    assert (before, after) == (False, True)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(int)


def test_a_handler_loads_the_list_that_the_setting_is_for_the_moment(settings):
    """load_middleware has no argument for it."""
    settings.MIDDLEWARE = ["no.such.Middleware"]
    LOADED.clear()

    with middleware_setting([f"{__name__}.noting"]):
        ASGIHandler()

    assert LOADED == ["noting"]
    assert settings.MIDDLEWARE == ["no.such.Middleware"]


LOADED: list[str] = []


def noting(get_response):
    LOADED.append("noting")
    return get_response

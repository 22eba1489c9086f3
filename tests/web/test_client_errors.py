"""What Django raises for a client's mistake keeps its status in every hook."""

import pytest
from django.core.exceptions import (
    BadRequest,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
)
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt

from tests.web.drive import ask, knock
from tests.web.rooms import Main, Telling

PATH = "/parties/telling/lobby"

ERRORS = [
    (BadRequest, 400),
    (MultiPartParserError, 400),
    (RequestDataTooBig, 413),
    (SuspiciousOperation, 400),
    (TooManyFieldsSent, 400),
    (UnreadablePostError, 400),
]


def failing(error):
    async def hook(*args):
        raise error("secret")

    return hook


@pytest.mark.parametrize(("error", "status"), ERRORS)
async def test_b5_before_hooks_keep_the_status(
    handler, handshake, monkeypatch, error, status
):
    """B5, H5: 400 and 413 are no defects; the log has no traceback."""
    hook = failing(error)
    monkeypatch.setattr(Telling, "on_before_request", hook, raising=False)
    monkeypatch.setattr(Telling, "on_before_connect", hook, raising=False)

    reply = await ask(handler, PATH)
    result = await knock(handshake, PATH)

    assert (reply.status, result.status) == (status, status)
    assert b"secret" not in reply.body


@pytest.mark.parametrize(("error", "status"), ERRORS)
async def test_h5_on_request_keeps_the_status(handler, monkeypatch, error, status):
    """H5: as a view would."""
    monkeypatch.setattr(Telling, "on_request", failing(error))

    reply = await ask(handler, PATH)

    assert reply.status == status
    assert b"secret" not in reply.body


@pytest.mark.parametrize(("error", "status"), ERRORS)
async def test_b8_on_fetch_keeps_the_status(handler, monkeypatch, error, status):
    """B8, H5: as a view would."""
    monkeypatch.setattr(Main, "on_fetch", failing(error), raising=False)

    reply = await ask(handler, "/nowhere")

    assert reply.status == status
    assert b"secret" not in reply.body


@pytest.mark.parametrize("name", ["on_before_request", "on_request"])
async def test_h5_a_malformed_form_is_400(handler, monkeypatch, name):
    """H3, H5: where a hook reads it through Django's request."""

    async def hook(*args):
        request = args[-1] if name == "on_request" else args[0]
        return getattr(request, "_request", request).POST and None

    monkeypatch.setattr(Telling, name, hook, raising=False)
    headers = {"content-type": "multipart/form-data; boundary="}
    reply = await ask(handler, PATH, "POST", headers=headers, body=b"--x")

    assert reply.status == 400


@pytest.mark.parametrize("size", [100, 2000])
async def test_h8_a_hook_that_reads_a_body_over_the_limit_is_413(
    handler, wired, monkeypatch, size
):
    """H8: announced or not."""
    wired.PARTYROOMS = {"MAX_BODY_SIZE": 1000}

    async def before(request, lobby):
        request.props["size"] = len(request.body)

    monkeypatch.setattr(Telling, "on_before_request", before, raising=False)
    announced = await ask(handler, PATH, "PUT", body=b"a" * size)
    chunked = await ask(handler, PATH, "PUT", chunks=[b"a" * size])

    assert announced.status == chunked.status == (200 if size < 1000 else 413)


async def test_h8_djangos_limit_of_forms_does_not_fail_a_hook(
    handler, wired, monkeypatch
):
    """H8: the room's own limit is the one that counts for a body as it is."""
    wired.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    async def before(request, lobby):
        request.props["size"] = len(request.body)

    monkeypatch.setattr(Telling, "on_before_request", before, raising=False)
    reply = await ask(handler, PATH, "PUT", body=b"a" * 11)

    assert reply.data["props"] == {"size": 11}


async def test_b8_on_fetch_that_reads_too_large_a_body_is_413(
    handler, wired, monkeypatch
):
    """B8: Django's limit, which on_fetch is under as a view is."""
    wired.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    @csrf_exempt
    async def hook(request, lobby):
        return {"size": len(request.body)}

    monkeypatch.setattr(Main, "on_fetch", hook, raising=False)
    reply = await ask(handler, "/nowhere", "POST", body=b"a" * 11)

    assert reply.status == 413

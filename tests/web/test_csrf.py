"""The CSRF token is checked before a hook acts for whoever has the cookies."""

import base64

import pytest
from django.contrib.auth.models import User
from django.middleware.csrf import get_token
from django.test import AsyncClient, RequestFactory
from django.views.decorators.csrf import csrf_exempt

from partyrooms.web.http.handler import RoomHandler
from partyrooms.web.http.views import view_class
from tests.web.conftest import MIDDLEWARE
from tests.web.drive import ask
from tests.web.rooms import Telling

PATH = "/parties/telling/lobby"
FOREIGN = {"origin": "https://foreign.example"}
UNSAFE = ["POST", "PUT", "PATCH", "DELETE"]


@pytest.fixture
def acted(monkeypatch):
    """For whom the hook has acted."""
    users = []

    async def before(request, lobby):
        users.append(str(await request.auser()))

    monkeypatch.setattr(Telling, "on_before_request", before, raising=False)
    return users


@pytest.fixture
async def session(transactional_db):
    """The session cookie of a user who is logged in."""
    client = AsyncClient()
    await client.aforce_login(await User.objects.acreate_user("ann"))
    return f"sessionid={client.cookies['sessionid'].value}"


@pytest.fixture
def token():
    """A token and its cookie, as a page of this site has them."""
    request = RequestFactory().get("/")
    return get_token(request), f"csrftoken={request.META['CSRF_COOKIE']}"


@pytest.mark.parametrize("method", UNSAFE)
async def test_b1_a_foreign_page_does_not_act_for_a_user(
    handler, session, acted, method
):
    """B1, H2: a session cookie alone is 403 before the hook."""
    headers = FOREIGN | {"cookie": session}

    reply = await ask(handler, PATH, method, headers=headers)

    assert (reply.status, acted) == (403, [])


async def test_b1_a_page_with_a_token_acts(handler, session, acted, token):
    """B1: in the header, or in a form, whose fields the room still sees."""
    secret, cookie = token
    headers = {"cookie": f"{session}; {cookie}", "origin": "http://testserver"}
    form = {"content-type": "application/x-www-form-urlencoded"}

    by_header = await ask(
        handler, PATH, "POST", headers=headers | {"x-csrftoken": secret}
    )
    by_form = await ask(
        handler,
        PATH,
        "POST",
        headers=headers | form,
        body=f"a=1&csrfmiddlewaretoken={secret}".encode(),
    )

    assert (by_header.status, by_form.status) == (200, 200)
    assert by_form.data["data"]["a"] == "1"
    assert acted == ["ann", "ann"]


async def test_b1_a_form_in_parts_reaches_the_room_whole(
    handler, session, acted, token
):
    """H3: the look at its token does not use the body up."""
    secret, cookie = token
    body = (
        b'--x\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n'
        + secret.encode()
        + b"\r\n--x--\r\n"
    )
    headers = {
        "cookie": f"{session}; {cookie}",
        "origin": "http://testserver",
        "content-type": "multipart/form-data; boundary=x",
    }

    reply = await ask(handler, PATH, "POST", headers=headers, body=body)

    assert (reply.status, reply.data["size"]) == (200, len(body))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_b1_safe_methods_need_no_token(handler, session, acted, method):
    """B1: as in front of a view."""
    reply = await ask(handler, PATH, method, headers=FOREIGN | {"cookie": session})

    assert (reply.status, acted) == (200, ["ann"])


async def test_b1_a_client_without_cookies_needs_no_token(handler, acted):
    """B1: no browser adds anything to its requests."""
    reply = await ask(handler, PATH, "POST", headers={"x-api-key": "k"})

    assert (reply.status, acted) == (200, ["AnonymousUser"])


@pytest.mark.parametrize(
    ("scheme", "status"), [("Token", 200), ("Bearer", 200), ("Basic", 403)]
)
async def test_b1_an_authorization_that_a_script_set_is_enough(
    handler, session, acted, scheme, status, monkeypatch
):
    """B1: no foreign page can set one; but a browser sends Basic by itself."""
    monkeypatch.setattr(Telling, "authentication_classes", [])
    view_class.cache_clear()
    secret = base64.b64encode(b"ann:x").decode()
    headers = {"cookie": session, "authorization": f"{scheme} {secret}"}

    reply = await ask(handler, PATH, "POST", headers=FOREIGN | headers)
    view_class.cache_clear()

    assert (reply.status, len(acted)) == (status, int(status == 200))


async def test_b1_csrf_exempt_is_for_hooks_too(handler, session, monkeypatch):
    """B1: the opt-out is Django's."""
    acted = []

    @csrf_exempt
    async def before(request, lobby):
        acted.append(str(await request.auser()))

    monkeypatch.setattr(Telling, "on_before_request", before, raising=False)
    await ask(handler, PATH, "POST", headers=FOREIGN | {"cookie": session})

    assert acted == ["ann"]


async def test_b1_a_token_in_the_session_works(wired, node, session, acted):
    """B1: CSRF_USE_SESSIONS."""
    wired.CSRF_USE_SESSIONS = True
    headers = {"cookie": session, "origin": "http://testserver"}

    reply = await ask(RoomHandler(), PATH, "POST", headers=headers)

    assert (reply.status, acted) == (403, [])


async def test_b1_without_djangos_middleware_nothing_is_checked(
    wired, node, session, acted
):
    """B1: the project has decided so, as for its views."""
    csrf = "django.middleware.csrf.CsrfViewMiddleware"
    wired.MIDDLEWARE = [one for one in MIDDLEWARE if one != csrf]

    await ask(RoomHandler(), PATH, "POST", headers=FOREIGN | {"cookie": session})

    assert acted == ["ann"]


@pytest.mark.usefixtures("node")
async def test_b1_other_handlers_check_too(session, acted):
    """B1: Django's own, and so WSGI."""
    client = AsyncClient(enforce_csrf_checks=True)
    client.cookies["sessionid"] = session.partition("=")[2]
    reply = await client.post(PATH)

    assert (reply.status_code, acted) == (403, [])

"""The rooms' URLs behind a project's decorators, prefixes and transactions."""

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import AsyncClient
from django.urls import reverse
from rest_framework.permissions import BasePermission

from partyrooms.core.keys import RoomKey
from partyrooms.web.http.views import view_class
from tests.web.drive import ask, knock
from tests.web.rooms import Guarded, Telling

ORIGIN = {"origin": "http://testserver"}


@pytest.fixture(autouse=True)
def urls(wired):
    """A project that wraps the URLs of rooms."""
    wired.ROOT_URLCONF = "tests.web.decorated_urls"


@pytest.fixture
async def cookie(transactional_db):
    """The session cookie of a user who is logged in."""
    user = await User.objects.acreate_user("ann")
    client = AsyncClient()
    await client.aforce_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"


async def test_b1_a_decorator_refuses_strangers_both_ways(handler, handshake):
    """B1: what `login_required` protects over HTTP, no handshake gets around."""
    path = "/members/parties/telling/lobby"

    reply = await ask(handler, path)
    result = await knock(handshake, path)

    assert reply.status == 302
    assert (result.status, result.admission) == (403, None)


async def test_b1_a_decorator_lets_its_users_in_both_ways(handler, handshake, cookie):
    """B1: and the room hears who they are."""
    path = "/members/parties/telling/lobby"
    headers = ORIGIN | {"cookie": cookie}

    reply = await ask(handler, path, headers=headers)
    result = await knock(handshake, path, headers=headers)

    assert reply.data["user_id"] == result.admission.user_id
    assert result.admission.user_id is not None


@pytest.mark.parametrize(("key", "status"), [({}, 401), ({"x-key": "k"}, 200)])
async def test_b1_a_decorator_in_sync_code_counts_too(handler, handshake, key, status):
    """B1: it runs in a thread, as in front of any async view."""
    path = "/keyed/parties/telling/lobby"

    reply = await ask(handler, path, headers=key)
    result = await knock(handshake, path, headers=key)

    assert reply.status == status
    assert (result.admission is None) == (status == 401)


async def test_b1_a_decorator_that_hides_its_view_opens_nothing(handler, handshake):
    """B1: no before-hook would run for it, and so neither way leads to the room."""
    path = "/opaque/parties/guarded/lobby"
    Guarded.heard.clear()

    reply = await ask(handler, path)
    result = await knock(handshake, path)

    assert reply.status == 500
    assert (result.status, result.admission) == (404, None)
    assert Guarded.heard == []


@pytest.mark.parametrize("tenant", ["acme", "%C3%A9", "a%20b"])
async def test_h1_a_prefix_may_capture(handler, handshake, tenant):
    """H1: rooms are found behind it, over HTTP and WebSocket."""
    path = f"/t/{tenant}/parties/telling/lobby"

    reply = await ask(handler, path + "/more")
    main = await ask(handler, f"/t/{tenant}/party/lobby")
    result = await knock(handshake, path)

    assert (reply.data["room"], reply.data["subpath"]) == ("lobby", "/more")
    assert main.data["room"] == "lobby"
    assert result.admission.key == RoomKey("telling", "lobby")


async def test_h1_a_prefix_may_capture_names_of_ours(handler, handshake):
    """H1: `party` in a project's prefix does not say which room it is."""
    path = "/p/acme/parties/telling/lobby"

    reply = await ask(handler, path)
    result = await knock(handshake, path)

    assert reply.data["room"] == "lobby"
    assert result.admission.key == RoomKey("telling", "lobby")
    assert reverse("by-party:room", args=["acme", "chat/tea"]) == (
        "/p/acme/parties/chat/tea"
    )
    assert reverse(
        "by-party:room", kwargs={"party": "acme", "address": "chat/tea"}
    ) == ("/p/acme/parties/chat/tea")


async def test_h2_policies_and_hooks_see_what_a_prefix_captured(
    handler, handshake, monkeypatch
):
    """H2, B1: `view.kwargs`, and `request.resolver_match.kwargs` before the room."""
    seen = []

    class Noting(BasePermission):
        def has_permission(self, request, view):
            seen.append(view.kwargs)
            return True

    async def before(request, lobby):
        seen.append(request.resolver_match.kwargs["tenant"])

    monkeypatch.setattr(Telling, "permission_classes", [Noting])
    monkeypatch.setattr(Telling, "on_before_request", before, raising=False)
    monkeypatch.setattr(Telling, "on_before_connect", before, raising=False)
    view_class.cache_clear()
    try:
        await ask(handler, "/t/acme/parties/telling/lobby")
        await knock(handshake, "/t/acme/parties/telling/lobby")
    finally:
        view_class.cache_clear()

    room = {"party": "telling", "room_id": "lobby"}
    assert seen == ["acme", {"tenant": "acme", **room}, "acme"]


@pytest.fixture
def atomic_requests(monkeypatch):
    """A project with ATOMIC_REQUESTS."""
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)


@pytest.mark.usefixtures("atomic_requests")
@pytest.mark.parametrize("prefix", ["/t/acme", "/keyed"])
async def test_h1_atomic_requests_leave_rooms_alone(handler, handshake, prefix):
    """H1, W1: Django refuses async views there; a room's writes have their own."""
    path = f"{prefix}/parties/telling/lobby"
    key = {"x-key": "k"}

    reply = await ask(handler, path, headers=key)
    result = await knock(handshake, path, headers=key)

    assert reply.status == 200
    assert result.admission is not None


@pytest.mark.usefixtures("atomic_requests", "node")
async def test_h1_atomic_requests_leave_rooms_alone_in_the_test_client():
    """H1: the same under Django's own handler."""
    reply = await AsyncClient().get("/t/acme/parties/telling/lobby")

    assert reply.status_code == 200

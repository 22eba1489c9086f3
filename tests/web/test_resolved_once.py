"""A URL is resolved once, unless a middleware changed what it depends on."""

import pytest
from django.http import HttpResponse
from django.urls import URLResolver, path
from django.utils import translation
from django.utils.decorators import async_only_middleware

from partyrooms.asgi import Application
from partyrooms.web.http.handler import RoomHandler
from tests.web.drive import ask, knock

ROOM = "/parties/main/lobby"


async def elsewhere(request, **found):
    """A view of another URLconf, or of another path."""
    return HttpResponse("elsewhere")


urlpatterns = [path("parties/main/lobby", elsewhere)]


@async_only_middleware
def other_urls(get_response):
    async def pass_on(request):
        request.urlconf = __name__
        return await get_response(request)

    return pass_on


@async_only_middleware
def other_path(get_response):
    async def pass_on(request):
        request.path_info = "/their/party/"
        return await get_response(request)

    return pass_on


@async_only_middleware
def other_language(get_response):
    async def pass_on(request):
        with translation.override("fr"):
            return await get_response(request)

    return pass_on


@pytest.fixture
def resolutions(monkeypatch):
    """The paths that the root of the URLs was asked for."""
    asked = []
    resolve = URLResolver.resolve

    def noting(self, path):
        if path.startswith("/"):
            asked.append(path)
        return resolve(self, path)

    monkeypatch.setattr(URLResolver, "resolve", noting)
    return asked


def use(settings, *middleware):
    names = [f"{__name__}.{one.__name__}" for one in middleware]
    settings.MIDDLEWARE = [*names, *settings.MIDDLEWARE]


async def test_h1_a_request_is_resolved_once(handler, resolutions):
    """H1: by the handler, to choose its way; the view gets that match."""
    reply = await ask(handler, ROOM)

    assert reply.status == 200
    assert resolutions == [ROOM]


@pytest.mark.parametrize(
    ("middleware", "expected"),
    [(other_urls, b"elsewhere"), (other_path, b"own 0")],
    ids=["urlconf", "path"],
)
async def test_r1_a_middleware_may_lead_a_request_elsewhere(
    settings, node, middleware, expected
):
    """R1: the project's middleware decides, as for each of its views."""
    use(settings, middleware)

    reply = await ask(RoomHandler(), ROOM)

    assert (reply.status, reply.body) == (200, expected)


async def test_r1_another_language_may_mean_another_url(settings, node, resolutions):
    """R1: URLs may be translated, so the match of one language says nothing."""
    use(settings, other_language)

    reply = await ask(RoomHandler(), ROOM)

    assert reply.status == 200
    assert resolutions == [ROOM, ROOM]


async def test_w1_a_middleware_may_lead_a_handshake_elsewhere(settings):
    """W1: where the URL is no room's any more, there is no room."""
    use(settings, other_urls)

    result = await knock(Application(), ROOM)

    assert result.status == 404

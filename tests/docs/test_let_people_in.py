"""docs/how-to/let-people-in.md: each way in, and each way of not getting in."""

import json

import httpx
import pytest

from tests.deadline import DEADLINE
from tests.docs.pages import blocks_of
from tests.docs.reader import Reader
from tests.servers.client import open_socket
from tests.servers.database import ROOT

PAGE = ROOT / "docs" / "how-to" / "let-people-in.md"
FOREIGN = "https://app.example.com"

# Ada is a member of the room tea; Bob is of none.
SEED = """
import json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
import django
django.setup()
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.tokens import AccessToken
from chat.models import Membership

people = {}
for name in ("ada", "bob"):
    user = User.objects.create_user(name, is_staff=True)
    client = Client()
    client.force_login(user)
    people[name] = {
        "session": client.cookies["sessionid"].value,
        "token": Token.objects.create(user=user).key,
        "jwt": str(AccessToken.for_user(user)),
    }
Membership.objects.create(user=User.objects.get(username="ada"), room_id="tea")
print(json.dumps(people))
"""


@pytest.fixture
def people(tutorial):
    """What each of two users has; the page's project is served."""
    blocks = [block for block in blocks_of(PAGE) if block.language != "js"]
    Reader(blocks, tutorial).follow(blocks[-1].section)
    (tutorial.folder / "seed.py").write_text(SEED)
    people = json.loads(tutorial.run("python seed.py"))
    tutorial.serve("uvicorn mysite.asgi:application")
    return people


async def test_each_way_leads_in(tutorial, people):
    """Session, header with either token, subprotocol, ticket; once each."""
    ada = people["ada"]
    url = f"{tutorial.ws_url}/parties/chat/tea"
    jwt = {"Authorization": f"Bearer {ada['jwt']}"}
    token = {"Authorization": f"Token {ada['token']}"}
    by_ticket = f"{url}?ticket={ticket_of(tutorial, ada)}"
    own = tutorial.http_url
    cookie = {"Cookie": f"sessionid={ada['session']}"}

    ways = [
        await open_socket(url, origin=own, additional_headers=cookie),
        await open_socket(url, additional_headers=token),
        await open_socket(url, additional_headers=jwt),
        await offering(url, f"Bearer.{ada['jwt']}"),
        await offering(url, f"Token.{ada['token']}"),
        await open_socket(by_ticket, origin=FOREIGN),
    ]
    used = await open_socket(by_ticket, origin=FOREIGN)

    assert (await used.closed())[0] == 4401
    assert ways[3].subprotocol == "chat"
    await ways[0].send("hi")
    for socket in ways:
        assert await socket.receive_json() == ["ada: hi"]
    people_in = tutorial.get("/parties/chat/tea", headers=token).json()
    assert people_in == {"people": ["ada"] * 6}
    log_out(tutorial, ada)
    assert [(await socket.closed())[0] for socket in ways] == [4401] * 6


async def test_others_stay_outside(tutorial, people):
    """No credential, a wrong one, no membership; by WebSocket and by HTTP."""
    bob = people["bob"]
    url = f"{tutorial.ws_url}/parties/chat/tea"
    wrong = {"Authorization": "Bearer no.such.token"}
    token = {"Authorization": f"Token {bob['token']}"}

    refused = [
        await open_socket(url, origin=tutorial.http_url),
        await open_socket(url, additional_headers=wrong),
        await open_socket(f"{url}?ticket=made-up", origin=FOREIGN),
        await open_socket(url, additional_headers=token),
    ]

    assert [(await each.closed())[0] for each in refused] == [4401, 4401, 4401, 4403]
    assert tutorial.get("/parties/chat/tea").status_code == 401
    assert tutorial.get("/parties/chat/tea", headers=token).status_code == 403
    assert "chat/tea" not in tutorial.run("python manage.py rooms list")


async def offering(url, credential):
    """A browser's socket from another origin, with a credential among its offers."""
    return await open_socket(url, origin=FOREIGN, subprotocols=["chat", credential])


def ticket_of(tutorial, person):
    """A new ticket, as a page on another origin gets one."""
    headers = {"Authorization": f"Bearer {person['jwt']}", "Origin": FOREIGN}
    url = f"{tutorial.http_url}/ticket/"
    answer = httpx.post(url, headers=headers, timeout=DEADLINE)
    assert answer.headers["Access-Control-Allow-Origin"] == FOREIGN
    return answer.json()["ticket"]


def log_out(tutorial, person):
    """Send the admin's form."""
    secret = "a" * 32
    httpx.post(
        f"{tutorial.http_url}/admin/logout/",
        headers={"X-CSRFToken": secret},
        cookies={"sessionid": person["session"], "csrftoken": secret},
        timeout=DEADLINE,
    ).raise_for_status()

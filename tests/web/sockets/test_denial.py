"""How a client is turned away."""

import pytest
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse

from partyrooms.web.sockets.denial import accept_and_close, cut_reason, deny

EXTENSION = {"extensions": {"websocket.http.response": {}}}


class Server:
    """Notes what it is sent, until its client has left."""

    def __init__(self, patience=10):
        self.sent = []
        self.patience = patience

    async def send(self, message):
        if len(self.sent) == self.patience:
            raise ConnectionResetError("the client has left")
        self.sent.append(message)


async def test_b3_a_denial_is_a_response_where_the_server_can():
    """B3: status, headers, cookies and the whole body at once."""
    server = Server()
    response = JsonResponse({"a": 1}, status=418, headers={"X-A": "b"})
    response.set_cookie("c", "d")
    response["Transfer-Encoding"] = "chunked"

    await deny(EXTENSION, server.send, response)

    start, body = server.sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 418)
    assert sorted(start["headers"]) == [
        (b"content-length", b"8"),
        (b"content-type", b"application/json"),
        (b"set-cookie", b"c=d; Path=/"),
        (b"x-a", b"b"),
    ]
    assert body == {"type": "websocket.http.response.body", "body": b'{"a": 1}'}


@pytest.mark.parametrize("scope", [{}, {"extensions": None}, {"extensions": {}}])
async def test_b3_elsewhere_it_is_a_close(scope):
    """B3: which a server answers with 403."""
    server = Server()

    await deny(scope, server.send, HttpResponse(status=418))

    assert server.sent == [{"type": "websocket.close", "code": 1008}]


async def test_b3_a_stream_is_sent_as_one_body():
    """B3: uvicorn takes the denial's length from it."""

    async def parts():
        yield b"one"
        yield b"two"

    server = Server()
    await deny(EXTENSION, server.send, StreamingHttpResponse(parts()))

    assert server.sent[1]["body"] == b"onetwo"


async def test_b4_a_socket_is_opened_to_be_closed():
    """B4: with headers and subprotocol, or a browser would hide the code."""
    server = Server()
    headers = [(b"set-cookie", b"a=b")]

    await accept_and_close({}, server.send, 4401, "no", headers, "chat")

    assert server.sent == [
        {"type": "websocket.accept", "subprotocol": "chat", "headers": headers},
        {"type": "websocket.close", "code": 4401, "reason": "no"},
    ]


@pytest.mark.parametrize("patience", [0, 1])
async def test_a_client_that_has_left_is_no_error(patience):
    """uvicorn raises an OSError from send() then."""
    await deny(EXTENSION, Server(patience).send, HttpResponse())
    await deny({}, Server(0).send, HttpResponse())
    await accept_and_close({}, Server(patience).send, 4401, "no")


@pytest.mark.parametrize(
    ("reason", "cut"),
    [
        ("", ""),
        ("a" * 124, "a" * 123),
        ("\u00e9" * 62, "\u00e9" * 61),
        ("\U0001f600" * 31, "\U0001f600" * 30),
        ("\ud800", "?"),
    ],
)
def test_a_reason_is_cut_between_characters(reason, cut):
    """A close frame holds 123 bytes of UTF-8."""
    assert cut_reason(reason) == cut

"""What all messages have in common, and what several of them carry."""

from typing import Any, NamedTuple

import msgspec

Payload = Any
"""``str`` or ``bytes``: MessagePack tells them apart, msgspec's types cannot."""


class Message(msgspec.Struct, kw_only=True, array_like=True, tag=True):
    """What is sent on a link; each kind of it is a subclass that has none itself."""


class RouteMessage(Message):
    """
    What a gateway's route and a room's owner send to one another.

    Attributes:
        route: The gateway's number of its way to a room.
        join: Which attempt to reach an owner on that route it belongs to.
    """

    route: int
    join: int


class Activated(NamedTuple):
    """
    What middleware has activated for a request.

    Attributes:
        prefix: The script prefix, with which ``reverse()`` begins.
        language: Of translations; empty: none.
        timezone: Its name; empty: the project's own.
    """

    prefix: str
    language: str
    timezone: str


class RequestCopy(msgspec.Struct, kw_only=True):
    """
    A request as another process needs it to make the same one.

    Attributes:
        method: In capitals.
        path: Percent-decoded, with the mount prefix.
        raw_path: As it was sent.
        query: The query string as it was sent.
        scheme: ``http`` or ``https``.
        headers: Names in lower case, and values, in order.
        client: Address and port; None: unknown.
        meta: What middleware and hooks changed or added, in ``META``'s names.
        user_id: The Django user's primary key as text; None: nobody.
        props: What the before-hook passed on, as JSON, which holds more.
        body: The body.
        subpath: What follows the room id.
        session: The session's key, empty if it has none; None: there is no session.
        auth: REST framework's ``request.auth`` in MessagePack, if it is plain data.
        auth_model: Its model's label and its primary key, if it is a model's instance.
        activated: None: what is active without a request.
    """

    method: str
    path: str
    raw_path: bytes
    query: bytes
    scheme: str
    headers: list[tuple[bytes, bytes]]
    client: tuple[str, int] | None = None
    meta: dict[str, str] = {}
    user_id: str | None = None
    props: bytes = b"{}"
    body: bytes = b""
    subpath: str = ""
    session: str | None = None
    auth: bytes | None = None
    auth_model: tuple[str, str] | None = None
    activated: Activated | None = None

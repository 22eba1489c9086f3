"""Rooms that tell what they were given."""

import asyncio
import sys
import threading
from typing import ClassVar

from django.http import (
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseNotModified,
    HttpResponseRedirect,
)
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.exceptions import NotAuthenticated, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from partyrooms import Reject, Room
from tests.deadline import DEADLINE


class Telling(Room):
    """Tells a request."""

    subprotocols = ("one", "two")
    allowed_origins = ("https://friend.example",)

    async def on_request(self, request):
        return {
            "method": request.method,
            "room": self.id,
            "subpath": request.subpath,
            "query": request.query_params.dict(),
            "props": request.props,
            "user_id": request.user_id,
            "hook": request.headers.get("X-Hook"),
            "data": request.data if request.method == "POST" else None,
            "size": len(request.body),
        }


class Main(Telling):
    """The party of /party/."""

    party = "main"


class Answering(Room):
    """Answers with what ``answers`` holds under its own id."""

    answers: ClassVar = {
        "text": lambda: "plain \u00e9",
        "bytes": lambda: b"\x00\x01",
        "none": lambda: None,
        "list": lambda: [1],
        "created": lambda: Response({"a": 1}, status=201, headers={"X-A": "b"}),
        "empty": lambda: Response(status=202),
        "html": lambda: HttpResponse("<p>", headers={"X-A": "b"}),
        "cookie": lambda: _with_cookie(),
        "not-modified": HttpResponseNotModified,
        "not-allowed": lambda: HttpResponseNotAllowed(["GET", "PUT"]),
        "partitioned": lambda: HttpResponse(
            headers={"Set-Cookie": "a=1; Path=/; Partitioned"}
        ),
        "number": lambda: 3,
        "validation": lambda: _raise(ValidationError({"text": ["too short"]})),
        "login": lambda: _raise(NotAuthenticated()),
        "defect": lambda: _raise(ZeroDivisionError("secret")),
    }

    async def on_request(self, request):
        return self.answers[self.id]()

    async def on_exception(self, error, connection):
        self.error = error


class Silent(Room):
    """Takes no requests."""


class Formed(Room):
    """Tells a form."""

    async def on_request(self, request):
        return request.data.dict()


class Members(Room):
    """Only for who is logged in."""

    authentication_classes = (SessionAuthentication, BasicAuthentication)
    permission_classes = (IsAuthenticated,)

    async def on_request(self, request):
        return {"user_id": request.user_id, "name": request.user.get_username()}


class Guarded(Room):
    """Its hooks do what the room's id says."""

    heard: ClassVar = []

    @classmethod
    async def on_before_request(cls, request, lobby):
        cls.heard.append((lobby.party, lobby.room_id))
        return await cls.judge(request, lobby)

    on_before_connect = on_before_request

    @classmethod
    async def judge(cls, request, lobby):
        match lobby.room_id:
            case "reject":
                raise Reject(4401, "not you")
            case "reject-badly":
                raise Reject(99, "")
            case "teapot":
                return HttpResponse("tea", status=418, headers={"X-A": "b"})
            case "data":
                return Response({"why": "law"}, status=451)
            case "no-content":
                return HttpResponse(status=204)
            case "redirect":
                return HttpResponseRedirect("/login/")
            case "defect":
                raise ZeroDivisionError("secret")
            case "exit":
                sys.exit(3)
            case "number":
                return 3
            case "same":
                return request
            case "props":
                assert request.headers.get("X-Hook") is None
                request.props["by"] = {"name": "ann"}
                request.META["HTTP_X_HOOK"] = "yes"
            case "bad-props":
                request.props["by"] = object()
            case "half-props":
                request.props["by"] = "\ud83d"
            case "no-props":
                request.props = None
            case "slow":
                await asyncio.Event().wait()

    async def on_request(self, request):
        return {"props": request.props, "hook": request.headers.get("X-Hook")}


class PlainlyGuarded(Room):
    """Its hooks are no coroutine functions; one waits until a test releases it."""

    begun = threading.Event()
    release = threading.Event()
    ended = threading.Event()

    @classmethod
    def on_before_request(cls, request, lobby):
        if lobby.room_id == "reject":
            raise Reject(reason="not you")
        if lobby.room_id == "exit":
            sys.exit(3)
        if lobby.room_id == "nobody":
            next(iter(()))
        request.props["user"] = str(request.user)

    @classmethod
    def on_before_connect(cls, request, lobby):
        cls.begun.set()
        cls.was_released = cls.release.wait(DEADLINE)
        cls.ended.set()

    async def on_request(self, request):
        return request.props


def _raise(error):
    raise error


def _with_cookie():
    response = Response({})
    response.set_cookie("a", "1", samesite="Lax")
    response.set_cookie("b", "2")
    return response

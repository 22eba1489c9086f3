"""
The tests' own way into the server: define rooms, read notes, open gates, log in.

It runs code that it is sent. The token keeps out every page that a browser on this
machine may have open meanwhile.
"""

import itertools
import json
import logging
import os
import secrets

from django.contrib.auth import alogin
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpResponseForbidden, JsonResponse
from django.middleware.csrf import get_token
from django.views.decorators.csrf import csrf_exempt

from partyrooms import Room
from tests.servers.site import journal, namespace

logger = logging.getLogger("lab")

_numbers = itertools.count(1)


@csrf_exempt
async def perform(request, action):
    """Do what a test asks for, and answer in JSON."""
    expected = os.environ["PARTYROOMS_LAB_TOKEN"]
    if not secrets.compare_digest(request.headers.get("X-Lab-Token", ""), expected):
        return HttpResponseForbidden()
    if action not in _ACTIONS:
        raise Http404
    try:
        answer = await _ACTIONS[action](request, **json.loads(request.body))
    except ImproperlyConfigured as error:
        return JsonResponse(str(error), safe=False, status=409)
    return JsonResponse(answer, safe=False)


async def define(request, name, source, constants):
    """Run a class's source as if it stood in a ``rooms.py``; its party's name."""

    class NamedRoom(Room):
        abstract = True

        def __init_subclass__(cls, **kwargs):
            if "party" not in cls.__dict__:
                cls.party = f"{name.lower()}-{next(_numbers)}"
            super().__init_subclass__(**kwargs)

    names = {**vars(namespace), **constants, "Room": NamedRoom}
    exec(compile(source, f"<{name}>", "exec"), names)  # noqa: S102
    return names[name].party


async def login(request, name, is_staff):
    """Make a user if need be and start their session."""
    user, _ = await User.objects.aget_or_create(username=name, is_staff=is_staff)
    await alogin(request, user)
    return {"id": str(user.pk), "csrf": get_token(request)}


async def read_notes(request, name, until, times):
    """All notes under a name, once those waited for are there."""
    if until is not None:
        await journal.notes[name].wait(until, times)
    return journal.notes[name].entries


async def reached(request, name, times):
    """Wait for somebody at a gate."""
    await journal.reached(name, times)


async def mark(request, name):
    """Write a line to the log: what was logged before it stands before it."""
    logger.warning("mark %s", name)


async def open_gate(request, name):
    """Open a gate."""
    journal.open_gate(name)


_ACTIONS = {
    "define": define,
    "login": login,
    "notes": read_notes,
    "reached": reached,
    "open": open_gate,
    "mark": mark,
}

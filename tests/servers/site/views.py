"""Views as projects write them: in sync code, with rooms reached from it."""

import threading

from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse, JsonResponse

from partyrooms import parties


def tell(request, room):
    """Count in a room, and tell it; in a thread of its own if asked to."""
    stub = parties["counter"].get(room)
    answers = []

    def work():
        counted = async_to_sync(stub.fetch)(method="POST")
        async_to_sync(stub.broadcast)(request.GET["text"])
        owner = async_to_sync(stub.info)()["owner"]
        answers.append({"count": counted.data["count"], "owner": owner})

    if "thread" in request.GET:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    else:
        work()
    return JsonResponse(answers[0])


def save(request, room):
    """Save a user and tell a room, in one transaction; it fails if asked to."""
    stub = parties["counter"].get(room)
    with transaction.atomic():
        User.objects.create(username=request.GET["name"])
        async_to_sync(stub.broadcast)(f"saved {request.GET['name']}", on_commit=True)
        async_to_sync(stub.call)("tell", request.GET["name"], on_commit=True)
        async_to_sync(stub.broadcast)("saving")
        if "fail" in request.GET:
            transaction.set_rollback(True)
    return HttpResponse(status=204)

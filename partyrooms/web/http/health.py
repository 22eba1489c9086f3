"""``/healthz`` and ``/readyz``: for load balancers and Kubernetes."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from partyrooms.server.readiness import OK, readiness


@login_not_required
@never_cache
@require_safe
async def alive(request: HttpRequest) -> JsonResponse:
    """Answer: the event loop runs. Nothing else is asked, so a restart would help."""
    return JsonResponse({"alive": OK})


@login_not_required
@never_cache
@require_safe
async def ready(request: HttpRequest) -> JsonResponse:
    """Say whether sockets and requests for rooms may be sent here; 503: not now."""
    answers = await readiness()
    is_ready = all(answer == OK for answer in answers.values())
    return JsonResponse(answers, status=200 if is_ready else 503)

"""A project's own middleware: what it does must reach handshakes as well."""

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.utils import timezone


class MarkRequests:
    """Set an attribute on each request, and a header and a cookie on each response."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response):
        assert iscoroutinefunction(get_response)
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request):
        request.marked_by = "middleware"
        response = await self.get_response(request)
        response.headers["X-Marked"] = "yes"
        return response


mark_requests = MarkRequests


class LocalTime:
    """Activate the time zone that a client asks for."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response):
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request):
        if name := request.headers.get("X-Timezone"):
            timezone.activate(name)
        return await self.get_response(request)


local_time = LocalTime

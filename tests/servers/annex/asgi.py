"""An ASGI application that has forgotten the rooms (SPEC R1)."""

from django.core.asgi import get_asgi_application

application = get_asgi_application()

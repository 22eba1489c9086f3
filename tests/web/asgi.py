"""A project's asgi.py: the application is made when it is imported."""

from partyrooms.asgi import get_asgi_application

application = get_asgi_application()

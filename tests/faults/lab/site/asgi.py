"""What the gateways serve."""

from partyrooms.asgi import get_asgi_application

application = get_asgi_application()

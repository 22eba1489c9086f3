"""What a server serves: ``uvicorn project.asgi:application``."""

import os

from partyrooms.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

application = get_asgi_application()

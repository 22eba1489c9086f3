"""All the wiring that a project needs (SPEC R1)."""

import os

from partyrooms.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.servers.site.settings")

application = get_asgi_application()

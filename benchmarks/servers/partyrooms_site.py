"""The partyrooms site, wired as the README says."""

import os

from partyrooms.asgi import get_asgi_application

os.environ.setdefault(
    "DJANGO_SETTINGS_MODULE", "benchmarks.servers.partyrooms_settings"
)

application = get_asgi_application()

"""The project of the peers with partyrooms in it."""

import os

from benchmarks.servers.settings import *  # noqa: F403
from benchmarks.servers.settings import INSTALLED_APPS, MIDDLEWARE

PARTYROOMS = {
    "OWNERS": os.environ.get("BENCHMARK_OWNERS", "any"),
    "HIBERNATE_AFTER": 0.2,
}
ROOT_URLCONF = "benchmarks.servers.partyrooms_urls"
INSTALLED_APPS = [*INSTALLED_APPS, "partyrooms"]
# The wiring of partyrooms needs it; the peers have the list without it.
MIDDLEWARE = [*MIDDLEWARE, "partyrooms.middleware.BeforeHooksMiddleware"]
ASGI_APPLICATION = "benchmarks.servers.partyrooms_site.application"

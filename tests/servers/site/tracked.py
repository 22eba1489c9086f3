"""The test site with Sentry's SDK, which prints what it would send."""

import json
import os

import sentry_sdk
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware
from sentry_sdk.transport import Transport

from partyrooms.asgi import get_asgi_application

MARK = "sentry"


class Printer(Transport):
    """Prints each event and each transaction on a line."""

    def capture_envelope(self, envelope):
        for item in envelope.items:
            if item.type in ("event", "transaction"):
                print(MARK, json.dumps(item.payload.json), flush=True)  # noqa: T201


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.servers.site.settings")
sentry_sdk.init(
    transport=Printer(), traces_sample_rate=1.0, data_collection={"user_info": True}
)

application = get_asgi_application()

wrapped = SentryAsgiMiddleware(application)

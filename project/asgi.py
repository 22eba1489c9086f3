"""What a server serves: ``uvicorn project.asgi:application``."""

import os

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

from partyrooms.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

# The demo has nobody else to serve its few files. A real site has, and leaves this out:
# application = get_asgi_application()
application = ASGIStaticFilesHandler(get_asgi_application())

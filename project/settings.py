"""
The demo's settings: made for development, ready for production by environment.

=========================  =======================================================
``PARTYROOMS_DEBUG``       ``0``: production; a key and hosts must be given, too
``PARTYROOMS_SECRET_KEY``  Django's ``SECRET_KEY``
``PARTYROOMS_HOSTS``       the site's host names, with commas between them
``PARTYROOMS_HTTPS``       ``1``: the site is served over TLS, and only so
``PARTYROOMS_DB``          the SQLite file
``PARTYROOMS_REDIS``       a URL of Redis or Valkey; none: a layer in memory
``PARTYROOMS_POSTGRES``    Postgres' host, with ``PGDATABASE``, ``PGUSER`` and
                           ``PGPASSWORD``; none: SQLite
``PARTYROOMS_OWNERS``      ``any`` or ``workers``: who may own rooms
=========================  =======================================================
"""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from examples.catalogue import EXAMPLES

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = os.environ.get("PARTYROOMS_DEBUG", "1") == "1"
HTTPS = os.environ.get("PARTYROOMS_HTTPS", "0") == "1"
REDIS = os.environ.get("PARTYROOMS_REDIS", "")
POSTGRES_HOST = os.environ.get("PARTYROOMS_POSTGRES", "")

SECRET_KEY = os.environ.get("PARTYROOMS_SECRET_KEY", "")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "PARTYROOMS_DEBUG=0 needs PARTYROOMS_SECRET_KEY: 50 random characters."
        )
    SECRET_KEY = "django-insecure-for-development-only"  # noqa: S105

# With DEBUG and no names, Django accepts this machine's own.
ALLOWED_HOSTS = [
    name for name in os.environ.get("PARTYROOMS_HOSTS", "").split(",") if name
]

INSTALLED_APPS = [
    # First: its runserver replaces Django's. Production is served by uvicorn.
    *(["daphne"] if DEBUG else []),
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "partyrooms",
    "project",
    *(f"examples.{example.folder}" for example in EXAMPLES),
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Last, so that the hooks see what all the others have added.
    "partyrooms.middleware.BeforeHooksMiddleware",
]

ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": os.environ.get("PARTYROOMS_DB") or BASE_DIR / "db.sqlite3",
    "OPTIONS": {
        # A transaction that will write says so at its start, and waits its turn,
        # instead of failing in the middle.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
    },
}
POSTGRES = {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": POSTGRES_HOST,
    "NAME": os.environ.get("PGDATABASE", "partyrooms"),
    "USER": os.environ.get("PGUSER", "partyrooms"),
    "PASSWORD": os.environ.get("PGPASSWORD", ""),
    "OPTIONS": {"connect_timeout": 5},
}
DATABASES = {"default": POSTGRES if POSTGRES_HOST else SQLITE}

CHANNEL_LAYERS = {
    "default": (
        {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS]},
        }
        if REDIS
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    )
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
TIME_ZONE = "UTC"
USE_TZ = True

PARTYROOMS = {"OWNERS": os.environ.get("PARTYROOMS_OWNERS", "any")}

SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"partyrooms": {"handlers": ["console"], "level": "INFO"}},
}

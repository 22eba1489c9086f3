"""SPEC 12: rooms live in a project that has settings, middleware and users already."""

import pytest

FIRST = "MIDDLEWARE.insert(0, {!r})"

SETTINGS = {
    "plain": "",
    "ATOMIC_REQUESTS": 'DATABASES["default"]["ATOMIC_REQUESTS"] = True',
    "CONN_MAX_AGE": 'DATABASES["default"]["CONN_MAX_AGE"] = 60',
    "LocaleMiddleware": (
        'MIDDLEWARE.insert(2, "django.middleware.locale.LocaleMiddleware")\n'
        'LANGUAGES = [("en", "English"), ("de", "Deutsch")]'
    ),
    "FORCE_SCRIPT_NAME": 'FORCE_SCRIPT_NAME = "/app"',
    "USE_TZ": "USE_TZ = False",
    "sessions in the cache": (
        'SESSION_ENGINE = "django.contrib.sessions.backends.cache"'
    ),
    "sessions in cookies": (
        'SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"'
    ),
    "CSRF_USE_SESSIONS": "CSRF_USE_SESSIONS = True",
    "UUID users": (
        'INSTALLED_APPS.append("people")\nAUTH_USER_MODEL = "people.Person"'
    ),
    "WhiteNoise": (
        'STATIC_ROOT = BASE_DIR / "static"\n'
        'MIDDLEWARE.insert(1, "whitenoise.middleware.WhiteNoiseMiddleware")'
    ),
    "GZip": FIRST.format("django.middleware.gzip.GZipMiddleware"),
    "CORS": (
        'INSTALLED_APPS.append("corsheaders")\n'
        'CORS_ALLOWED_ORIGINS = ["https://friend.example"]\n'
        + FIRST.format("corsheaders.middleware.CorsMiddleware")
    ),
    "Sentry": (
        "import sentry_sdk\n"
        "sentry_sdk.init(transport=lambda event: None, traces_sample_rate=1.0)"
    ),
}
PEOPLE = """
from uuid import uuid4
from django.contrib.auth.models import AbstractUser
from django.db import models

class Person(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid4)
"""
ALL = "all at once"


@pytest.mark.parametrize("name", [*SETTINGS, ALL])
async def test_r1_the_tutorials_chat_works(name, tutorial, open_tab):
    """R1: by WebSocket and HTTP, whatever the project has beside it."""
    project = tutorial
    people = project.folder / "people"
    (people / "migrations").mkdir(parents=True)
    for file, text in {
        people / "__init__.py": "",
        people / "models.py": PEOPLE,
        people / "migrations" / "__init__.py": "",
    }.items():
        file.write_text(text)
    added = SETTINGS.values() if name == ALL else [SETTINGS[name]]
    settings = project.folder / "mysite" / "settings.py"
    settings.write_text("\n".join([settings.read_text(), *added, ""]))
    project.run("python manage.py makemigrations -v 0")
    project.run("python manage.py migrate -v 0")
    project.run("python manage.py check --fail-level ERROR")
    project.serve("uvicorn mysite.asgi:application")

    alice = await open_tab("tea")
    await alice.receive()
    await alice.send("hi")
    heard = await alice.receive()
    posted = project.post("/parties/chat/tea", {"text": "hello"})
    told = await alice.receive()
    read = project.get("/parties/chat/tea", headers={"Accept": "application/json"})

    assert heard == '["hi"]'
    assert posted.status_code == 200, posted.text
    assert told == '["hello"]'
    assert read.json() == {"messages": ["hi", "hello"]}

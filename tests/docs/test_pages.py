"""What the pages say of the package, compared with the package."""

import ast
import inspect
import re
from dataclasses import fields

import pytest

import partyrooms
from partyrooms import exceptions, testing
from partyrooms.api.parties import Stub
from partyrooms.api.requests import StubResponse
from partyrooms.api.room import Room
from partyrooms.api.stub_socket import StubSocket
from partyrooms.conf import MIB, Settings
from partyrooms.management.commands import rooms
from partyrooms.ports.sockets import ConnectionContext
from partyrooms.runtime.connection import Connection
from partyrooms.runtime.storage import Storage
from tests.docs.pages import all_pages, anchors_of, links_of, name_of
from tests.servers.database import ROOT

HOW_TO = ROOT / "docs" / "how-to"
REFERENCE = ROOT / "docs" / "reference"
GENERATED = REFERENCE / "conformance.md"  # by `make conformance`, where it was run
INTERNALS = {
    ROOT / "docs" / "explanation" / name
    for name in ("architecture.md", "bus.md", "ownership.md")
}
PAGES_FOR_ALL = sorted({*all_pages()} - INTERNALS - {GENERATED})

# What was written once, and what the pages say now.
WORDS = {
    "anew": "again",
    "asleep": "hibernating",
    "bus": "cluster, or channel layer",
    "hears": "receives, or is called",
    "nobody": "no owner, no client, anonymous",
    "rings": "runs",
    "rung": "run",
    "sleeps": "hibernates",
    "whoever": "the one who, by name",
}

# What the troubleshooting page quotes of Django, REST framework, Daphne and SQLite.
OTHERS = {
    "Authentication credentials were not provided.",
    "CSRF Failed: ",
    "Starting ASGI/Daphne",
    "Starting development server",
    "database table is locked",
    "no such table: partyrooms_",
}


@pytest.mark.parametrize("page", all_pages(), ids=name_of)
def test_every_link_leads_somewhere(page):
    """A relative link names a file that exists, and a heading in it."""
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page

        assert target.exists(), link
        assert ROOT in target.parents, link
        assert not anchor or anchor in anchors_of(target), link


def test_every_page_can_be_found():
    """Each page of docs/ is linked from docs/index.md."""
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link).resolve() for link in links_of(index)}

    pages = set((ROOT / "docs").rglob("*.md")) - {index, GENERATED}
    lost = [name_of(page) for page in pages if page not in linked]

    assert lost == []


@pytest.mark.parametrize("page", PAGES_FOR_ALL, ids=name_of)
def test_pages_use_one_word_for_each_idea(page):
    """The glossary's, and none that says the same, or is a metaphor for it."""
    text = re.sub(
        r"```.*?```|`[^`]*`|\]\([^)]*\)", "", page.read_text(), flags=re.DOTALL
    )

    found = re.findall(rf"\b(?:{'|'.join(WORDS)})\b", text, re.IGNORECASE)

    assert [f"{word}: write {WORDS[word.lower()]}" for word in found] == []


def test_no_room_of_a_sample_is_called_lobby():
    """It is the argument of hooks that run outside of rooms, and nothing else."""
    called = re.compile(r"/lobby\b|[\"']lobby[\"']|\blobby = ")

    assert [
        name_of(page) for page in PAGES_FOR_ALL if called.search(page.read_text())
    ] == []


def test_every_setting_is_listed_with_its_default():
    """settings.md has a row for each key of ``PARTYROOMS``, and no other."""
    page = (REFERENCE / "settings.md").read_text()
    ours, _, _ = page.partition("## Django's")

    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", ours, re.MULTILINE)

    expected = {f.name.upper(): _shown(f.default) for f in fields(Settings)}

    assert dict(rows) == expected


def test_every_check_is_listed():
    """checks.md has a row for each id that the checks can give, and no other."""
    code = "".join(
        path.read_text() for path in (ROOT / "partyrooms" / "checks").glob("*.py")
    )
    page = (REFERENCE / "checks.md").read_text()

    in_code = set(re.findall(r'id="(partyrooms\.[EW]\d{3})"', code))
    in_page = set(re.findall(r"^\| `(partyrooms\.[EW]\d{3})` \|", page, re.MULTILINE))

    assert in_code
    assert in_page == in_code


def test_every_exported_name_is_in_the_reference():
    """What ``partyrooms`` exports is described on a page of the reference."""
    pages = "".join(page.read_text() for page in REFERENCE.glob("*.md"))

    missing = [
        name
        for name in partyrooms.__all__
        if not re.search(rf"`(?:partyrooms\.)?{name}\b|import .*\b{name}\b", pages)
    ]

    assert missing == []


def test_every_error_is_listed():
    """errors.md has each class of ``partyrooms.exceptions``."""
    page = (REFERENCE / "errors.md").read_text()
    names = [
        name
        for name, _ in inspect.getmembers(exceptions, inspect.isclass)
        if getattr(exceptions, name).__module__ == exceptions.__name__
    ]

    assert [name for name in names if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("described", "page"),
    [
        (Room, "room.md"),
        (ConnectionContext, "room.md"),
        (Connection, "connection.md"),
        (Storage, "storage.md"),
        (Stub, "parties.md"),
        (StubResponse, "parties.md"),
        (StubSocket, "parties.md"),
        (testing.RunningRoom, "testing.md"),
        (testing.Client, "testing.md"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_every_member_is_described(described, page):
    """A public attribute or method of a public class stands on its page, as code."""
    text = (REFERENCE / page).read_text()
    members = {*vars(described), *getattr(described, "__annotations__", {})}

    missing = [
        name
        for name in sorted(members)
        if not name.startswith("_") and not re.search(rf"`[^`]*\b{name}\b[^`]*`", text)
    ]

    assert missing == []


def test_every_action_of_the_command_is_listed():
    """commands.md has each action of ``manage.py rooms``."""
    page = (REFERENCE / "commands.md").read_text()
    parser = rooms.Command().create_parser("manage.py", "rooms")

    actions = next(a.choices for a in parser._actions if a.dest == "action")

    assert [name for name in actions if f"`rooms {name} " not in page] == []


def test_every_log_record_is_listed():
    """log-and-watch.md has logger, action and levels of each record, and no other."""
    page = (HOW_TO / "log-and-watch.md").read_text()
    row = re.compile(r"^\| `(partyrooms\.\w+)` \| `(\w+)` \| ([A-Z, ]+) \|", re.M)
    rows = row.findall(page)

    in_page = {(name, action, frozenset(way.split(", "))) for name, action, way in rows}

    assert len(in_page) == len(rows)
    assert in_page == set(_records())


def test_troubleshooting_quotes_texts_that_exist():
    """What a reader is told to look for is in the code, or in Django's or Daphne's."""
    page = (HOW_TO / "troubleshoot.md").read_text()
    rows = re.findall(r"^\| (.*?) \| .* \| .* \|$", page, re.MULTILINE)
    code = _literals()

    coded = [text for row in rows for text in re.findall(r"`([^`]*)`", row)]
    quoted = [text for text in coded if " " in text and "manage.py" not in text]
    parts = [part for text in quoted for part in re.split(r"\.\.\.|\d+|'\w+'", text)]

    assert len(quoted) > 15
    assert [part for part in parts if part not in code and part not in OTHERS] == []


def _records():
    """Logger, action and levels of each record of the package that has an action."""
    levels: dict[tuple[str, str], set[str]] = {}
    for path in (ROOT / "partyrooms").rglob("*.py"):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)):
            call = ast.unparse(node) if isinstance(node, ast.Call) else ""
            action = re.search(r"'action': '(\w+)'", call)
            if call.startswith("logger.") and action:
                (name,) = re.findall(r'getLogger\("([\w.]+)"\)', text)
                method, _, arguments = call.removeprefix("logger.").partition("(")
                way = arguments if method == "log" else method.upper()
                found = re.findall(r"\b(?:DEBUG|INFO|WARNING|ERROR)\b", way)
                levels.setdefault((name, action[1]), set()).update(found or ["ERROR"])
    return [(*key, frozenset(found)) for key, found in levels.items()]


def _literals() -> str:
    """All texts of the package, those that are joined in the code as one."""
    return "\n".join(
        "".join(_constants(node))
        for path in (ROOT / "partyrooms").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant | ast.JoinedStr)
    )


def _constants(node: ast.AST) -> list[str]:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return [str(part.value) for part in parts if isinstance(part, ast.Constant)]


def _shown(default: object) -> str:
    if isinstance(default, int | float):
        is_size = default >= MIB
        return f"{default / MIB:g} MiB" if is_size else f"{default:g}"
    if isinstance(default, str):
        return f'`"{default}"`'
    return "`[]`" if default == () else f"`{default}`"

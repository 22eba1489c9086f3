"""``manage.py startroom``: an app with a room, its page, its script and its test."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser

from partyrooms import registry
from partyrooms.management.wiring import missing_lines

TEMPLATES = Path(__file__).parents[1] / "templates" / "startroom"


class Command(BaseCommand):
    """Write a chat room into an app, ready to run."""

    help = (
        "Write rooms.py, a page with its script, a test and a URL into an app, which "
        "is made if there is none. What the project lacks for its rooms is printed, "
        "or, with --wire, added to the ends of its files."
    )
    # The project may lack its wiring: that is what this command is for.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("app", help="The app's label, as in `startapp`.")
        parser.add_argument(
            "--wire",
            action="store_true",
            help="Add what is missing to settings, URLs and asgi.py.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        label = options["app"]
        folder, module = app_of(label)
        texts = files_of(folder, label, module)
        lines = missing_lines(label, module)
        for file in (file for file in texts if file.exists()):
            raise CommandError(f"{shown(file)} exists. Nothing was written.")
        for file, text in texts.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            self.stdout.write(f"Wrote {shown(file)}")
        (folder / "__init__.py").touch()
        for file, text in lines.items():
            self.stdout.write(
                f"{'Added' if options['wire'] else 'Add'} to {shown(file)}:"
            )
            self.stdout.write(f"\n{text}\n\n")
            if options["wire"]:
                with file.open("a") as end:
                    end.write(f"\n{text}\n")


def app_of(label: str) -> tuple[Path, str]:
    """
    The folder and the dotted path of an app, which need not exist.

    Raises:
        CommandError: If no app can have this name.
    """
    if label in apps.app_configs:
        config = apps.get_app_config(label)
        return Path(config.path), config.name
    folder = Path(label).absolute()
    if not label.isidentifier():
        raise CommandError(
            f"{label!r} is no name of an app: use letters, digits and underscores."
        )
    if not folder.exists() and find_spec(label) is not None:
        raise CommandError(
            f"{label!r} is the name of a Python module already. Choose another."
        )
    return folder, label


def files_of(folder: Path, label: str, module: str) -> dict[Path, str]:
    """
    What the app gets, by file.

    Raises:
        CommandError: If another class is the party already.
    """
    name = "".join(part.capitalize() for part in label.split("_"))
    party = registry.party_name(name)
    if registry.find(party) is not None:
        raise CommandError(f"There is a party {party!r} already. Choose another name.")
    words = {"MODULE": module, "APP": label, "CLASS": name, "PARTY": party}
    texts = {}
    for template in sorted(each for each in TEMPLATES.rglob("*") if each.is_file()):
        path = str(template.relative_to(TEMPLATES)).removesuffix("-tpl")
        text = template.read_text()
        for word, meant in words.items():
            path = path.replace(f"ROOM_{word}", meant)
            text = text.replace(f"ROOM_{word}", meant)
        texts[folder / path] = text
    return texts


def shown(file: Path) -> Path:
    """A path as the reader writes it: from the current folder, if it is in there."""
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file

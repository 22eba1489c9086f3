"""Markdown pages as the tests read them: code blocks, files, links, anchors."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.servers.database import ROOT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
# The line that says which file a block is, or is to be added to.
_FILE = re.compile(r"^(?:# |<!-- )(\S+\.\w+)(, at the end)?(?: -->)?\n", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """
    A fenced code block.

    Attributes:
        language: What stands behind the fence.
        text: Between the fences.
        place: Page and line, for the tests' messages.
        section: The heading above it.
    """

    language: str
    text: str
    place: str
    section: str

    def files(self) -> list[tuple[str, bool, str]]:
        """The files that the block names: path, whether to append, and the text."""
        parts = _FILE.split(self.text)
        before, named = parts[0], parts[1:]
        assert not before or not named, f"{self.place}: lines that belong to no file"
        return [
            (named[i], bool(named[i + 1]), named[i + 2])
            for i in range(0, len(named), 3)
        ]


def all_pages() -> list[Path]:
    """Every page that is written by hand or made."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def name_of(page: Path) -> str:
    """A page's path inside the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    """The code blocks of a page, in order."""
    text = page.read_text()
    return [
        Block(
            language=match[1],
            text=match[2],
            place=f"{name_of(page)}:{text.count(chr(10), 0, match.start()) + 1}",
            section=_section(text[: match.start()]),
        )
        for match in _BLOCK.finditer(text)
    ]


def links_of(page: Path) -> list[str]:
    """The targets of a page's links that lead into the repository."""
    targets = _LINK.findall(_BLOCK.sub("", page.read_text()))
    return [target for target in targets if "://" not in target]


def anchors_of(page: Path) -> set[str]:
    """The anchors that a page's headings make, as GitHub makes them."""
    headings = _HEADING.findall(_BLOCK.sub("", page.read_text()))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


def _section(before: str) -> str:
    headings = _HEADING.findall(_BLOCK.sub("", before))
    return headings[-1] if headings else ""

"""Somebody who types the pages along."""

import re
import shlex

from tests.docs.pages import Block
from tests.docs.project import Project

# What the tests' own environment stands for, and what needs the whole repository.
NOT_RUN = ("mkdir ", "cd ", "python3 -m venv ", ". ", "pip install ", "make ")

# Files that a server which is running does not need to know of.
NOT_SERVED = ("chat/tests.py", "chat/templates/chat/room.html")


class Reader:
    """
    Types the blocks of a page, one after the other.

    Where the reader's server reloads itself, the reader's test starts it again.

    Args:
        blocks: Of the page.
        project: Where to.
    """

    def __init__(self, blocks: list[Block], project: Project) -> None:
        self._blocks = blocks
        self._project = project
        self._printed = ""

    def follow(self, section: str) -> None:
        """Do what stands on the page up to the end of a section."""
        assert section in {block.section for block in self._blocks}, section
        while self._blocks and self._has_not_passed(section):
            self._do(self._blocks.pop(0))

    def _has_not_passed(self, section: str) -> bool:
        return section in {block.section for block in self._blocks}

    def _do(self, block: Block) -> None:
        if block.language in ("python", "html"):
            self._project.write(block)
            if all(path not in NOT_SERVED for path, _, _ in block.files()):
                self._project.reload()
        elif block.language == "sh":
            lines = block.text.replace("\\\n", " ").splitlines()
            self._printed = "".join(map(self._type, lines))
        elif block.language == "text":
            assert alike(block.text) in alike(self._printed), block.place
        else:
            raise AssertionError(f"{block.place}: who runs {block.language}?")

    def _type(self, line: str) -> str:
        if line.startswith(NOT_RUN):
            return ""
        if line.startswith("export "):
            self._project.export(line)
            return ""
        if line.startswith("curl "):
            return self._ask(*shlex.split(line)[1:])
        if (
            line.startswith(("uvicorn ", "python manage.py serve"))
            or "runserver" in line
        ):
            self._project.serve(line)
            return ""
        return self._project.run(line)

    def _ask(self, *arguments: str) -> str:
        """Do what curl does with these arguments."""
        *options, url = arguments
        path = url.removeprefix("http://127.0.0.1:8000")
        if not options:
            return self._project.get(path).text
        flag, data = options
        name, _, value = data.partition("=" if flag == "-d" else ": ")
        if flag == "-H":
            return self._project.get(path, headers={name: value}).text
        assert flag == "-d"
        return self._project.post(path, {name: value}).text


def alike(text: str) -> str:
    """Equal for outputs that differ in numbers only, and in how they are padded."""
    return " ".join(re.sub(r"\d+", "0", text).split())

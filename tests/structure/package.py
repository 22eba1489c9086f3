"""A package as text: its modules, what they import, and what they name."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

MAX_MODULE = 300
"""Lines of a module."""

MAX_FUNCTION = 45
"""Lines of a function, without its docstring."""

PUBLIC_DESPITE_THEIR_NAME = {"_meta", "_default_manager", "_base_manager"}
"""Django documents them."""


@dataclass(frozen=True)
class Module:
    """
    One file of the package.

    Attributes:
        name: Dotted.
        is_package: It is an ``__init__.py``.
        text: What it contains.
    """

    name: str
    is_package: bool
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """What Python makes of it."""
        return ast.parse(self.text)

    def imported(self, modules: set[str]) -> set[str]:
        """Those of these modules that it imports, in annotations only as well."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names} & modules
            elif isinstance(node, ast.ImportFrom):
                base = self._base_of(node)
                for alias in node.names:
                    name = f"{base}.{alias.name}"
                    found |= {name if name in modules else base} & modules
        return found - {self.name}

    def _base_of(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        parts = parts[: len(parts) + self.is_package - node.level]
        return ".".join([*parts, *filter(None, [node.module])])

    def foreign_private_names(self) -> Iterator[str]:
        """Underscored attributes that it touches and nothing in it defines."""
        own = set(self._own_names()) | PUBLIC_DESPITE_THEIR_NAME
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.Attribute) or node.attr.startswith("__"):
                continue
            if node.attr.startswith("_") and node.attr not in own:
                yield f"{self.name}:{node.lineno} {node.attr}"

    def _own_names(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            match node:
                case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                    yield name
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    yield name
                case ast.AnnAssign(target=ast.Name(id=name)):
                    yield name
                case ast.Constant(value=str(name)):  # as in __slots__
                    yield name

    def long_functions(self) -> Iterator[str]:
        """Functions that do not fit on a screen."""
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            body = node.body[1:] if ast.get_docstring(node) else node.body
            size = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            if size > MAX_FUNCTION:
                yield f"{self.name}:{node.lineno} {node.name} has {size} lines"

    def excess(self) -> Iterator[str]:
        """Itself, if it is too long."""
        size = len(self.text.splitlines())
        if size > MAX_MODULE:
            yield f"{self.name} has {size} lines"


def read(folder: Path) -> list[Module]:
    """Every module of a package but its migrations."""
    return [
        Module(_name_of(path, folder), path.name == "__init__.py", path.read_text())
        for path in sorted(folder.rglob("*.py"))
        if "migrations" not in path.parts
    ]


def _name_of(path: Path, folder: Path) -> str:
    parts = [folder.name, *path.relative_to(folder).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circles(modules: list[Module]) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others."""
    names = {module.name for module in modules}
    imports = {module.name: module.imported(names) for module in modules}
    reached = {name: _reached(name, imports) for name in names}
    groups = {
        tuple(sorted(one for one in reached[name] if name in reached[one]))
        for name in names
        if name in reached[name]
    }
    return sorted(map(list, groups))


def _reached(start: str, imports: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        new = imports[ahead.pop()] - found
        found |= new
        ahead.extend(new)
    return found

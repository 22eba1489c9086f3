"""The counts that ``make check`` holds the package to, each on a made-up module."""

import pytest

from tests.structure.package import Module, circles


def module(name, text, is_package=False):
    return Module(name, is_package, text)


def test_a_circle_of_annotations_is_a_circle():
    """An import under TYPE_CHECKING, or in a function, is an arrow like any other."""
    modules = [
        module("p.a", "from p.b import B"),
        module("p.b", "if TYPE_CHECKING:\n    from p import c"),
        module("p.c", "def f():\n    import p.a"),
        module("p.d", "import p.a"),
    ]

    assert circles(modules) == [["p.a", "p.b", "p.c"]]


@pytest.mark.parametrize(
    "text", ["from . import b", "from .b import name", "from p.b import name"]
)
def test_relative_imports_are_arrows(text):
    """Whatever form they have."""
    modules = [module("p.a", text), module("p.b", "import p.a")]

    assert circles(modules) == [["p.a", "p.b"]]


def test_a_package_imports_relatively_to_itself():
    """Its ``__init__`` is the package."""
    modules = [
        module("p", "from .a import name", is_package=True),
        module("p.a", "import p"),
    ]

    assert circles(modules) == [["p", "p.a"]]


def test_a_private_name_of_another_module_is_found():
    """Its own private names, and those that Django documents, are not."""
    text = (
        "class Own:\n"
        "    __slots__ = ('_slot',)\n"
        "    def _method(self): self._field = 1\n"
        "def use(own, other): return own._slot, own._field, own._method, other._meta\n"
        "def touch(other): return other._theirs\n"
    )

    found = list(module("p.a", text).foreign_private_names())

    assert found == ["p.a:5 _theirs"]


def test_a_function_of_46_lines_is_too_long():
    """Its docstring does not count."""
    fits = "def fits():\n    '''One\n    two.'''\n" + "    pass\n" * 45
    exceeds = "async def exceeds():\n" + "    pass\n" * 46

    found = list(module("p.a", fits + exceeds).long_functions())

    assert found == ["p.a:49 exceeds has 46 lines"]


def test_a_module_of_301_lines_is_too_long():
    """Blank lines count: it has to fit on a few screens."""
    assert list(module("p.a", "\n" * 300).excess()) == []
    assert list(module("p.a", "\n" * 301).excess()) == ["p.a has 301 lines"]

"""The table of the contract's rows."""

import ast
import re
from pathlib import Path

import pytest

from tests.conformance import report
from tests.conformance.partykit import ROWS


def functions_of(path):
    tree = ast.parse(path.read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [n for n in ast.walk(tree) if isinstance(n, functions)]


@pytest.fixture(scope="module")
def proofs():
    """Every test function of this folder by the rows in its name."""
    found = {}
    for path in Path(__file__).parent.glob("test_*.py"):
        for function in functions_of(path):
            rows = re.match(r"test_((?:[a-z]\d+_)*)", function.name)
            for row in (rows[1] if rows else "").upper().split("_")[:-1]:
                found.setdefault(row, []).append(function)
    return found


def test_every_row_has_a_test(proofs):
    """A row of the contract without a test is only a wish."""
    assert set(proofs) == set(ROWS)


def test_every_test_states_its_rule(proofs):
    """The table is made of the docstrings."""
    silent = [
        function.name
        for functions in proofs.values()
        for function in functions
        if not ast.get_docstring(function)
    ]

    assert silent == []


def test_the_page_shows_every_row():
    """`make conformance` was run after the last row came, and all tests passed."""
    lines = report.PAGE.read_text("utf-8").splitlines()

    shown = {line.split(" | ")[0].removeprefix("| ") for line in lines if "|" in line}
    assert set(ROWS) <= shown
    assert not [line for line in lines if "**no**" in line or "not tested" in line]


def made(kind="uvicorn", outcome="passed", instead=()):
    return {"kind": kind, "outcome": outcome, "instead": list(instead)}


@pytest.mark.parametrize(
    ("tests", "text"),
    [
        ([], "not tested"),
        ([made("daphne")], "not tested"),
        ([made(), made(None)], "yes"),
        ([made(), made(outcome="failed")], "**no** (1 of 2 tests fail)"),
        ([made(instead=["403"]), made(instead=["403"])], "403"),
    ],
)
def test_verdict(tests, text):
    """A failure is never hidden by other tests of the row."""
    assert report.verdict(tests, "uvicorn") == text

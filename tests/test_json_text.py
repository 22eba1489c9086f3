"""R31: one rule for what becomes JSON."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext_lazy

from partyrooms.json_text import json_message, json_text


@dataclass(slots=True)
class Point:
    x: int
    y: object = None


class Move(msgspec.Struct, tag="move", rename="camel"):
    game_id: int
    to: object = None
    note: str | msgspec.UnsetType = msgspec.UNSET


class Pair(msgspec.Struct, array_like=True):
    left: int
    right: int


class Vector:
    """What JSON has not."""

    def __init__(self, *xs):
        self.xs = xs


def from_project(value):
    """The function of the setting."""
    if isinstance(value, Vector):
        return value.xs
    raise TypeError("no")


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC),
        datetime(2026, 3, 1),
        date(2026, 3, 1),
        time(12, 30, 0, 123456),
        timedelta(days=1, milliseconds=5),
        Decimal("1.50"),
        UUID(int=7),
        gettext_lazy("Home"),
        {"a": [1, 2.5, None, True, "é"]},
    ],
)
def test_r31_values_have_the_forms_of_djangos_encoder(value):
    """R31: as DjangoJSONEncoder writes them."""
    written = json.dumps([value], cls=DjangoJSONEncoder)

    assert json.loads(json_text([value])) == json.loads(written)


def test_r31_dataclasses_and_structs_are_objects():
    """R31: with the names and the tag that msgspec gives a Struct, nested ones too."""
    value = [Point(1, Point(2)), Move(3, date(2026, 3, 1)), Pair(4, 5)]

    assert json.loads(json_text(value)) == [
        {"x": 1, "y": {"x": 2, "y": None}},
        {"type": "move", "gameId": 3, "to": "2026-03-01"},
        [4, 5],
    ]


def test_r31_a_function_of_the_project_makes_the_rest(settings):
    """R31: JSON_DEFAULT is asked for what nothing else takes."""
    settings.PARTYROOMS = {"JSON_DEFAULT": f"{__name__}.from_project"}

    assert json_text(Point(1, Vector(1, 2))) == '{"x":1,"y":[1,2]}'
    with pytest.raises(TypeError, match=r"^\$\.y \(object\) is no JSON: no"):
        json_text(Point(1, object()))


def looped():
    """A list that contains itself."""
    loop = []
    loop.append({"again": loop})
    return loop


def deep():
    """A list nested deeper than any stack."""
    value = object()
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "error", "where"),
    [
        (object(), TypeError, r"\$ \(object\)"),
        ({"players": [1, 2, {"position": Vector()}]}, TypeError, r"\$\.players\[2\]\."),
        ({"a b": {1}}, TypeError, r"\$\['a b'\] \(set\)"),
        (Point(1, Move(2, (b"x",))), TypeError, r"\$\.y\.to\[0\] \(bytes\)"),
        ([{(1, 2): 3}], TypeError, r"\$\[0\] \(dict\) is no JSON: keys must be"),
        ({"x": [float("nan")]}, ValueError, r"\$\.x\[0\] \(float\)"),
        ({"x": time(1, tzinfo=UTC)}, ValueError, r"\$\.x \(time\)"),
        (looped(), ValueError, r"\$\[0\]\.again \(list\)"),
        (Vector, TypeError, r"\$ \(type\)"),
    ],
)
def test_r31_an_error_names_the_path(value, error, where):
    """R31: as in ``$.players[2].position``; with what can be done about it."""
    with pytest.raises(error, match=f"^{where}.*Convert it"):
        json_text(value)


def test_r31_what_is_nested_without_end_is_an_error():
    """R31: a ValueError like any other, whatever is in it."""
    with pytest.raises(ValueError, match=r"^\$\[0\]\[0\]"):
        json_text(deep())


def test_r31_half_a_surrogate_pair_is_escaped_in_a_message():
    """R31: whatever else is in it."""
    assert json.loads(json_message(["\ud83d", UUID(int=7)])) == [
        "\ud83d",
        str(UUID(int=7)),
    ]

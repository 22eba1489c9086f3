"""Which class runs the rooms of a party: name -> class, filled as classes are made."""

import re

from django.core.exceptions import ImproperlyConfigured

from partyrooms.core.keys import validate_party
from partyrooms.exceptions import BadRoomId, UnknownParty
from partyrooms.ports.rooms import RoomClass

_classes: dict[str, RoomClass] = {}

_WORD_END = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def party_name(class_name: str) -> str:
    """A class name in kebab case: ``ChatRoom`` -> ``chat-room``."""
    return _WORD_END.sub("-", class_name).replace("_", "-").strip("-").lower()


def register(room_class: RoomClass) -> None:
    """
    Make a class known under its ``party``.

    Raises:
        ImproperlyConfigured: If the name cannot be one, or another class has it.
    """
    path = _path(room_class)
    try:
        validate_party(room_class.party)
    except (BadRoomId, TypeError) as error:
        raise ImproperlyConfigured(
            f"{path}: {error} Set the class attribute `party`."
        ) from error
    known = _classes.get(room_class.party)
    # A module that is imported again (a reload) defines the same class anew.
    if known is not None and _path(known) != path:
        raise ImproperlyConfigured(
            f"Two classes are the party {room_class.party!r}: {_path(known)} and "
            f"{path}. Give one of them another name with the class attribute `party`, "
            "or `abstract = True` if it is only to be inherited from."
        )
    _classes[room_class.party] = room_class


def get(party: str) -> RoomClass:
    """
    The class of a party.

    Raises:
        UnknownParty: If there is none; the text lists those that exist.
    """
    try:
        return _classes[party]
    except KeyError:
        raise UnknownParty(party, names()) from None


def find(party: str) -> RoomClass | None:
    """The class of a party; None: there is none."""
    return _classes.get(party)


def names() -> tuple[str, ...]:
    """Every party of the project, in alphabetical order; none of the package's own."""
    own = __name__.partition(".")[0] + "."
    found = _classes.items()
    return tuple(sorted(name for name, one in found if not _path(one).startswith(own)))


def needs_time() -> bool:
    """Whether any party is to be woken without an event: at a time of its own."""
    return any(hasattr(one, "on_alarm") or one.crons for one in _classes.values())


def _path(room_class: RoomClass) -> str:
    return f"{room_class.__module__}.{room_class.__qualname__}"

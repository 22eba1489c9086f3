"""Where a class's own hooks stand that belong to no room: before one, or beside all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from partyrooms import registry
from partyrooms.api.parties import Parties, parties
from partyrooms.core.paths import MAIN_PARTY


@dataclass(frozen=True, slots=True)
class Lobby:
    """
    What a hook that is a class method is told of where it stands.

    Attributes:
        party: The name of the class's party.
        room_id: Which room a before-hook stands in front of; it comes from the client.
            Empty: no room at all.
        parties: Every room: ``lobby.parties["chat"].get("lobby")``.
    """

    party: str
    room_id: str
    parties: Parties


def main_hook(name: str) -> Callable[..., Any] | None:
    """A class method of the party ``main``; None: there is no such party, or method."""
    room_class = registry.find(MAIN_PARTY)
    return None if room_class is None else getattr(room_class, name, None)


def main_lobby() -> Lobby:
    """Where the hooks of the party ``main`` stand that are about no room."""
    return Lobby(MAIN_PARTY, "", parties)

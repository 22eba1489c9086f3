"""Answers that a gateway gives by itself, whoever runs the room."""

from typing import Any

from partyrooms.core.frames import Frame


def answers_of(room_class: Any) -> dict[Any, Frame]:
    """What a class's ``auto_response`` answers to which text."""
    given = room_class.auto_response.items()
    return {asked: Frame(answer) for asked, answer in given}

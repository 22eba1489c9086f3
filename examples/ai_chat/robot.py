"""The robot, and what it says where no model is plugged in."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

from django.utils.timezone import now

PAUSE = 0.06  # seconds between two words, about as fast as people read

ANSWERS = (
    "“{text}”, you say? I am not a model, only a generator that yields one word after "
    "the other, but whoever is here sees each of them at the same moment. Go on "
    "chatting: I do not keep the room from anybody.",
    "“{text}”, says {name}. My words leave the room one by one. When the last of you "
    "leaves I stop in the middle of a sentence, and begin anew when somebody is back.",
    "Let me think about “{text}”. What you said was stored before anyone saw it; what "
    "I say is stored when I have come to its end, which is about now.",
)


def begun(messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The robot's next message, which says nothing yet; no client can make one."""
    return {
        "id": str(uuid4()),
        "name": "Robot",
        "text": "",
        "robot": True,
        "number": messages[-1]["number"] + 1,
        "at": now().isoformat(),
    }


async def canned(messages: Sequence[dict[str, Any]]) -> AsyncIterator[str]:
    """
    Answer the last message from a small stock, a word at a time: no network, no key.

    Args:
        messages: What has been said, oldest first; each has a name and a text.

    Yields:
        Pieces of the answer, spaces included.
    """
    asked = messages[-1]
    answer = ANSWERS[asked["number"] % len(ANSWERS)]
    for word in re.findall(r"\S+\s*", answer.format(**asked)):
        await asyncio.sleep(PAUSE)
        yield word

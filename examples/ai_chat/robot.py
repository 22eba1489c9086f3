"""The robot, and its answers if no model is configured."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

from django.utils.timezone import now

PAUSE = 0.06  # seconds between two words, about as fast as people read

ANSWERS = (
    "“{text}”, you say? I am not a model, only a generator that yields one word after "
    "the other, and everyone here sees each word at the same moment. Go on chatting: "
    "the room handles your messages meanwhile.",
    "“{text}”, says {name}. My words are sent one by one. When the last of you leaves "
    "I stop in the middle of a sentence, and start again when somebody comes back.",
    "Let me think about “{text}”. Your message was stored before anyone saw it. My "
    "answer is stored when it is complete, which is about now.",
)


def begun(messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The robot's next message, still empty; clients cannot make one."""
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

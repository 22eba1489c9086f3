"""A chat with a robot, which answers word by word while the others go on."""

import asyncio
from contextlib import aclosing

from examples.ai_chat.robot import begun, canned
from examples.chat.rooms import Chat


class AiChat(Chat):
    """
    The chat, and a task that answers while at least one client is connected.

    A question is stored at once, a complete answer, too; others start again later.
    """

    hibernate = False  # its task ends with a life, and begins in on_connect
    words = staticmethod(canned)  # any async generator: messages in, pieces of text out
    answering = None

    async def on_connect(self, connection, ctx):
        await super().on_connect(connection, ctx)
        self.wake()

    async def on_close(self, connection):
        await super().on_close(connection)
        if self.answering and not any(self.get_connections()):
            self.answering.cancel()
            await asyncio.wait([self.answering])

    def say(self, data, **sender):
        message = super().say(data, **sender)
        self.wake()
        return message

    def wake(self):
        is_idle = self.answering is None or self.answering.done()
        if is_idle and any(self.get_connections()):
            self.answering = self.create_task(self.answer())

    async def answer(self):  # belongs to no event: each call is sent on its own
        while self.messages and "robot" not in self.messages[-1]:
            asked = list(self.messages)
            answer = begun(asked)
            self.messages.append(answer)
            self.broadcast_json({"type": "message", **answer})
            try:
                async with aclosing(self.words(asked)) as pieces:
                    async for text in pieces:
                        answer["text"] += text
                        more = {"type": "words", "id": answer["id"], "text": text}
                        self.broadcast_json(more)
            except BaseException:  # cancelled, or the generator raised
                self.broadcast_json({"type": "gone", "id": answer["id"]})
                if answer in self.messages:  # it may have left the last hundred
                    self.messages.remove(answer)
                raise
            if answer in self.messages:
                self.storage.put(f"message:{answer['number']:09}", answer)
            self.broadcast_json({"type": "message", **answer})

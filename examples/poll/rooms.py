"""A poll: votes by HTTP, results by WebSocket, and an alarm closes it."""

from collections import Counter
from datetime import timedelta

from rest_framework.exceptions import NotFound, PermissionDenied

from examples.poll.rules import PollThrottle, Question, Vote, checked
from partyrooms import Room


class Poll(Room):
    hibernate = True  # all is stored: between votes only sockets stay
    throttle_classes = (PollThrottle,)

    @classmethod
    def on_before_request(cls, request, lobby):  # in the web process, with the session
        request.props["voter"] = request.session.get("visitor")  # given by the page

    async def on_start(self):
        self.poll = await self.storage.get("poll")  # None: there is no poll yet
        self.votes = await self.storage.list(prefix="vote:")  # one entry for each voter

    async def on_connect(self, connection, ctx):
        connection.send_json(self.results())  # clients only watch: no on_message

    async def on_request(self, request):
        voter = f"vote:{request.props.get('voter')}"  # set by the hook above
        if (request.method, request.subpath) == ("POST", ""):
            await self.ask(checked(Question, request.data, self.poll))
        elif (request.method, request.subpath) == ("POST", "/votes"):
            if request.props.get("voter") is None:
                raise PermissionDenied("Open the page of the poll first.")
            self.vote(voter, checked(Vote, request.data, self.poll))
        elif request.method != "GET":
            raise NotFound
        return {**self.results(), "yours": self.votes.get(voter)}

    async def on_alarm(self):  # also after a restart, and without connections
        self.show({**self.poll, "is_open": False})

    async def ask(self, question):
        self.storage.delete_all()
        self.storage.set_alarm(timedelta(minutes=question["minutes"]))
        closes_at = (await self.storage.get_alarm()).isoformat()
        self.votes = {}
        self.show({**question, "closes_at": closes_at, "is_open": True})

    def vote(self, voter, vote):
        self.storage.put(voter, vote["option"])  # a second vote replaces the first
        self.votes[voter] = vote["option"]
        self.show(self.poll)

    def show(self, poll):
        self.storage.put("poll", poll)
        self.poll = poll
        self.broadcast_json(self.results())  # sent after the commit

    def results(self):
        return {"poll": self.poll, "counts": Counter(self.votes.values())}

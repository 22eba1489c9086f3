"""A lobby that knows who is in which place: each place tells it, room to room."""

from datetime import timedelta

from partyrooms import Room, rpc

MAX_PLACES = 100


class Place(Room):
    """
    Where people are: ``main:kitchen`` is the kitchen of the lobby ``main``.

    It reports in an alarm, which outlives its process. After a crash the alarm rings in
    another one, and the lobby learns who is there now, be it nobody.
    """

    hibernate = True  # connections keep their state while the room sleeps
    max_connections = 100

    async def on_connect(self, connection, ctx):
        name = " ".join(ctx.request.GET.get("name", "").split())[:24]
        connection.set_state(name or "Guest")
        self.storage.set_alarm(timedelta(0))  # behind this event: nobody waits for it

    async def on_close(self, connection):
        self.storage.set_alarm(timedelta(0))

    async def on_alarm(self):  # if it raises, it is called again after 2, 4, 8 ... s
        lobby, _, _ = self.id.rpartition(":")
        # By id, for a page that came back may be here twice.
        names = {each.id: each.state for each in self.get_connections()}
        people = sorted(names.values())
        await self.parties["lobby"].get(lobby or "main").call("report", self.id, people)
        if people:
            self.storage.set_alarm(timedelta(seconds=30))


class Lobby(Room):
    """Who looks at it sees the people of each place, and what changes."""

    hibernate = True

    async def on_start(self):
        self.places = await self.storage.list()  # people, by their place

    async def on_connect(self, connection, ctx):
        connection.send_json(self.places)

    @rpc
    async def report(self, place, people):  # called by rooms: a client cannot
        if place not in self.places and len(self.places) >= MAX_PLACES:
            return  # There are as many as anybody looks at.
        if self.places.get(place, []) != people:
            self.places[place] = people
            self.storage.put(place, people)
            self.broadcast_json({place: people})
        if not people:
            self.places.pop(place, None)
            self.storage.delete(place)

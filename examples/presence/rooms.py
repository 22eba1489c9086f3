"""A building that shows who is in which place: each place reports to it."""

from datetime import timedelta

from partyrooms import Room, rpc

MAX_PLACES = 100


class Place(Room):
    """
    Where people are: ``main:kitchen`` is the kitchen of the building ``main``.

    It reports in an alarm, which is stored. After a crash the alarm runs in another
    process, and the building gets the present list.
    """

    hibernate = True  # connections keep their state while the room hibernates
    max_connections = 100

    async def on_connect(self, connection, ctx):
        name = " ".join(ctx.request.GET.get("name", "").split())[:24]
        connection.set_state(name or "Guest")
        self.storage.set_alarm(timedelta(0))  # after this event, which does not wait

    async def on_close(self, connection):
        self.storage.set_alarm(timedelta(0))

    async def on_alarm(self):  # if it raises, it is called again after 2, 4, 8 ... s
        name = self.id.rpartition(":")[0].strip(".") or "main"  # ".." is no room's id
        building = self.parties["building"].get(name)
        # By id: a page that has reconnected may be here twice.
        names = {each.id: each.state for each in self.get_connections()}
        await building.call("report", self.id, people := sorted(names.values()))
        if people:
            self.storage.set_alarm(timedelta(seconds=30))


class Building(Room):
    """Its clients receive the people of each place, and each change."""

    hibernate = True

    async def on_start(self):
        self.places = await self.storage.list()  # people, by their place

    async def on_connect(self, connection, ctx):
        connection.send_json(self.places)

    @rpc
    async def report(self, place, people):  # called by rooms: a client cannot
        if place not in self.places and len(self.places) >= MAX_PLACES:
            return
        if self.places.get(place, []) != people:
            self.storage.put(place, people)
            self.places[place] = people
            self.broadcast_json({place: people})
        if not people:
            self.places.pop(place, None)
            self.storage.delete(place)

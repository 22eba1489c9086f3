"""The other app's room."""

from partyrooms import Room


class Annex(Room):
    """Says that it is here."""

    async def on_request(self, request):
        return {"party": self.party}

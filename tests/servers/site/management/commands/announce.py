"""``manage.py announce ROOM TEXT``: what a project's own command may do."""

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand

from partyrooms import parties


class Command(BaseCommand):
    """Tell a room of the party ``counter`` something, twice."""

    def add_arguments(self, parser):
        parser.add_argument("room")
        parser.add_argument("text")

    def handle(self, *args, room, text, **options):
        stub = parties["counter"].get(room)
        async_to_sync(stub.broadcast)(text)
        counted = async_to_sync(stub.fetch)(method="POST")
        self.stdout.write(str(counted.data["count"]))

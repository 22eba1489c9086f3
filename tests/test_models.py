"""The models as projects use them."""

import pytest

from partyrooms.models import CronRecord, Entry, Node, RoomRecord


@pytest.mark.parametrize("model", [RoomRecord, Entry, Node, CronRecord])
def test_p8_rows_are_looked_for_where_the_rooms_are(settings, model):
    """P8: in PARTYROOMS['DATABASE'], unless a query names an alias."""
    settings.PARTYROOMS = {"DATABASE": "rooms"}

    assert model.objects.all().db == "rooms"
    assert model.objects.filter(pk=None).db == "rooms"
    assert model.objects.using("default").db == "default"
    assert model.objects.db_manager("default").all().db == "default"

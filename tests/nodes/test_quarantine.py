"""Rooms that blocked their process are kept away for a while."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomUnreachable
from partyrooms.models import Node, RoomRecord
from partyrooms.nodes.membership import Membership
from partyrooms.nodes.quarantine import MAX_PAUSE, quarantine
from partyrooms.ports.store import NOTHING
from partyrooms.store.claims import RoomClaims

LOBBY = RoomKey("chat", "lobby")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def membership():
    membership = Membership(
        uuid4(), database="default", heartbeat_interval=60.0, lease_ttl=300.0
    )
    yield membership
    membership.close()


def pause_after(blocked_count, node):
    RoomRecord.objects.update(blocked_count=blocked_count)
    before = now()
    quarantine(LOBBY, node, database="default")
    until = RoomRecord.objects.get().quarantined_until
    return round((until - before).total_seconds())


def test_d8_the_pause_doubles_up_to_a_minute(membership):
    """D8: a rising pause."""
    RoomClaims(membership).claim(LOBBY)

    pauses = [pause_after(count, membership.node_id) for count in (0, 1, 2, 5, 6, 40)]

    assert pauses == [1, 2, 4, 32, MAX_PAUSE, MAX_PAUSE]


def test_d8_its_process_owns_nothing_any_more(membership):
    """D8: so its other rooms are taken at once."""
    RoomClaims(membership).claim(LOBBY)

    quarantine(LOBBY, membership.node_id, database="default")

    assert Node.objects.get().state == Node.State.DEAD


def test_d8_nobody_may_claim_the_room_before_the_pause_is_over(membership):
    """D8: and everybody may afterwards."""
    claims = RoomClaims(membership)
    claim = claims.claim(LOBBY)
    later = now() + timedelta(hours=1)
    RoomRecord.objects.update(blocked_count=3, quarantined_until=later)

    with pytest.raises(RoomUnreachable, match="blocked its process 3 times"):
        claims.claim(LOBBY)

    RoomRecord.objects.update(quarantined_until=now())
    assert claims.claim(LOBBY).epoch == claim.epoch + 1


def test_d8_a_life_that_ends_well_clears_the_count(membership):
    """D8: the pause rises only for blocks in a row."""
    claims = RoomClaims(membership)
    claim = claims.claim(LOBBY)
    RoomRecord.objects.update(blocked_count=3)

    claims.release([(claim, NOTHING)])

    assert RoomRecord.objects.get().blocked_count == 0

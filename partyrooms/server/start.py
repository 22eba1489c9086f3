"""Starts the node of an event loop, from the project's settings."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

from partyrooms.cluster.cluster import LayerCluster
from partyrooms.cluster.transport import channel_of, shared_layer
from partyrooms.conf import get_settings
from partyrooms.nodes.lease import Lease
from partyrooms.nodes.membership import Membership
from partyrooms.server.alarm_poller import AlarmPoller
from partyrooms.server.cron_poller import CronPoller
from partyrooms.server.node import MakeCluster, Node, local_cluster
from partyrooms.server.nodes import existing_node, use_node
from partyrooms.store.database import DatabaseStore


def current_node() -> Node:
    """The running event loop's node, made and started if there is none."""
    return existing_node() or start_node()


async def keep_node() -> None:
    """Have a node, and another one whenever it is lost, until cancelled."""
    while True:
        await current_node().ended.wait()


def start_node(
    *, is_worker: bool = False, is_embedded: bool = False, keeps_time: bool = True
) -> Node:
    """
    Make and start the running event loop's node.

    Args:
        is_worker: It may own rooms whatever ``OWNERS`` says.
        is_embedded: It owns rooms only where nobody else does; see ``server.host``.
        keeps_time: It rings alarms and runs crons, if it may own rooms.
    """
    settings = get_settings()
    node_id = uuid4()
    layer = shared_layer(settings.channel_layer)
    lease = Lease()
    takes_rooms = is_worker or settings.owners == "any"
    membership = Membership(
        node_id,
        database=settings.database,
        heartbeat_interval=settings.heartbeat_interval,
        lease_ttl=settings.lease_ttl,
        on_lease=lease.extend,
        channel="" if layer is None else channel_of(node_id),
        takes_rooms=takes_rooms and not is_embedded,
    )
    cluster: MakeCluster = local_cluster
    if layer is not None:
        cluster = partial(
            LayerCluster,
            node_id=node_id,
            layer=layer,
            owners=settings.owners,
            takes_rooms=takes_rooms,
        )
    store = DatabaseStore(membership, idle_timeout=settings.lease_ttl / 2)
    node = Node(
        store,
        name=str(node_id),
        settings=settings,
        cluster=cluster,
        lease=lease,
        is_embedded=is_embedded,
    )
    use_node(node)
    _start(node, membership, keeps_time=keeps_time)
    return node


def _start(node: Node, membership: Membership, *, keeps_time: bool) -> None:
    loop = asyncio.get_running_loop()

    def on_loop(what: Callable[..., object], *args: Any) -> None:
        """Call something from a thread of the membership."""
        if not loop.is_closed():
            loop.call_soon_threadsafe(what, *args)

    membership.start_heartbeat(
        on_stop_request=partial(on_loop, node.rooms.stop_records),
        on_lost=partial(on_loop, node.lose),
    )
    node.spawn(node.rooms.keep_sweeping())
    node.spawn(node.environment.timers.keep_ringing())
    if keeps_time:
        node.spawn(AlarmPoller(node).keep_polling())
        node.spawn(CronPoller(node).keep_polling())
    node.watchdog.start()
    node.cluster.start()

"""The scenarios of many: sockets, rooms, processes, and what each costs."""

from benchmarks import peers
from benchmarks.figures import CPU, Wanted
from benchmarks.load.loads import (
    EchoLoad,
    FanOutLoad,
    IdleLoad,
    RoomsLoad,
    StartLoad,
)
from benchmarks.peers import (
    BARE_SERVERS,
    WORKERD,
    WORKERD_SERVERS,
    Server,
    partyrooms_servers,
)
from benchmarks.scenario import Claim, Field, Scenario, Side

MANY = 2_000
"""Sockets of the rows that have many."""

ROOMS = (10, 100, 1_000, 10_000)
"""In memory, for the growth of a message's cost."""


def crowd(field: Field) -> list[Scenario]:
    groups = (partyrooms_servers(), BARE_SERVERS, WORKERD_SERVERS)
    return [
        Scenario(
            topic="crowd",
            name=name,
            measure=f"echo, {MANY:,} sockets {title}",
            sides=field.sides(
                EchoLoad(party="echo", sockets=MANY, rooms=rooms), *groups
            ),
            claims=field.claim(WORKERD, 1)
            + field.claim(field.bare, 1, value="p99", at_most=True),
            stretch=2.5,
        )
        for name, title, rooms in (
            ("crowd-one-room", "in one room", 1),
            ("crowd-rooms-of-40", "in rooms of 40", MANY // 40),
        )
    ]


def start(field: Field) -> list[Scenario]:
    groups = (partyrooms_servers(), BARE_SERVERS, WORKERD_SERVERS)
    return [
        Scenario(
            topic="start",
            name="start-sockets",
            measure="connections into one room, first message answered",
            sides=field.sides(StartLoad(sockets=MANY), *groups),
            claims=field.claim(WORKERD, 0.7),
        ),
        Scenario(
            topic="start",
            name="start-rooms",
            measure="rooms started, first message answered",
            sides=field.sides(StartLoad(sockets=MANY, rooms=MANY), *groups),
            claims=field.claim(WORKERD, 2),
        ),
    ]


def memory(field: Field) -> list[Scenario]:
    groups = (partyrooms_servers(), BARE_SERVERS, WORKERD_SERVERS)
    site = partyrooms_servers()[field.ours]
    idle = [
        Scenario(
            topic="memory",
            name=name,
            measure=f"memory, {MANY:,} idle sockets {title}",
            sides=field.sides(
                IdleLoad(party="echo", sockets=MANY, rooms=rooms), *groups
            ),
            claims=field.claim(WORKERD, wanted, at_most=True)
            + field.claim(field.bare, bare, at_most=True),
            fresh=True,
        )
        for name, title, rooms, wanted, bare in (
            ("memory-one-room", "in one room", 1, 0.2, 1.4),
            ("memory-rooms", f"in {MANY:,} rooms", MANY, 0.08, None),
        )
    ]
    asleep = Scenario(
        topic="memory",
        name="memory-asleep",
        measure="memory of a room that hibernates",
        sides={
            "partyrooms, asleep": Side(server=site, load=RoomsLoad(party="asleep")),
            "partyrooms, in memory": Side(server=site, load=RoomsLoad(party="awake")),
        },
        claims=(
            Claim(
                side="partyrooms, asleep",
                peer="partyrooms, in memory",
                wanted=Wanted(ratio=0.05, at_most=True),
            ),
        ),
        fresh=True,
        turns=1,
    )
    return [*idle, asleep]


def across(field: Field) -> list[Scenario]:
    ping = EchoLoad(party="echo", sockets=1)
    here = Side(server=partyrooms_servers()[field.ours], load=ping)
    there = Side(server=partyrooms_servers(across=True)[field.ours], load=ping)
    plain = Server(
        module="channels_consumer", settings="settings", layer=peers.CORE, webs=2
    )
    return [
        Scenario(
            topic="across",
            name="across-echo",
            measure="echo, 1 socket, owner in another process",
            sides={"owner elsewhere": there, "owner here": here},
            claims=(
                Claim(
                    side="owner elsewhere",
                    peer="owner here",
                    wanted=Wanted(added=0.8),
                    value="p50",
                ),
            ),
            value="p50",
        ),
        Scenario(
            topic="across",
            name="across-fan-out",
            measure="fan-out, 200 sockets of 2 gateways",
            sides=field.sides(
                FanOutLoad(sockets=200),
                partyrooms_servers(across=True),
                {peers.CORE_LAYER: plain},
            ),
            claims=field.claim(peers.CORE_LAYER, 0.1, value=CPU, at_most=True)
            + field.claim(peers.CORE_LAYER),
        ),
    ]


def rooms(field: Field) -> list[Scenario]:
    """Return what a message costs beside ever more rooms in memory."""
    site = partyrooms_servers()[field.ours]
    sides = {
        f"{count:,} rooms": Side(
            server=site,
            load=EchoLoad(party="echo", sockets=10, rooms=10, asked=count - 10),
        )
        for count in reversed(ROOMS)
    }
    return [
        Scenario(
            topic="rooms",
            name="rooms",
            measure="echo, 10 sockets, 10,000 rooms in memory",
            sides=sides,
            claims=(
                Claim(
                    side="10,000 rooms",
                    peer="10 rooms",
                    wanted=Wanted(ratio=1.1, at_most=True),
                    value=CPU,
                ),
            ),
            value=CPU,
        )
    ]

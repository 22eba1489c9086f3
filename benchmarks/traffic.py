"""The scenarios of messages and requests: how many a second."""

from benchmarks import peers
from benchmarks.load.loads import EchoLoad, FanOutLoad, HttpLoad
from benchmarks.peers import (
    BARE_SERVERS,
    CHANNELS_SERVERS,
    WORKERD,
    WORKERD_SERVERS,
    partyrooms_servers,
    view_servers,
)
from benchmarks.scenario import Claim, Field, Scenario


def echo(field: Field) -> list[Scenario]:
    groups = (partyrooms_servers(), BARE_SERVERS, WORKERD_SERVERS)
    one = EchoLoad(party="echo", sockets=1)
    room = EchoLoad(party="echo", sockets=50)
    rooms = EchoLoad(party="echo", sockets=100, rooms=50)
    return [
        Scenario(
            topic="echo",
            name="echo-1",
            measure="echo, 1 socket",
            sides=field.sides(one, *groups),
            claims=field.claim(WORKERD, 1, value="p50", at_most=True),
            value="p50",
        ),
        Scenario(
            topic="echo",
            name="echo-50",
            measure="echo, 50 sockets, one room",
            sides=field.sides(room, *groups),
            claims=field.claim(WORKERD, 1.4) + field.claim(field.bare, 0.7),
        ),
        Scenario(
            topic="echo",
            name="echo-100",
            measure="echo, 100 sockets, 50 rooms",
            sides=field.sides(rooms, *groups),
            claims=field.claim(WORKERD, 1.3),
        ),
    ]


def fan_out(field: Field) -> list[Scenario]:
    groups = (partyrooms_servers(), BARE_SERVERS, WORKERD_SERVERS, CHANNELS_SERVERS)
    scenarios = []
    for sockets, wanted in ((10, 1.05), (100, 1.15), (500, 1.4)):
        claims = field.claim(WORKERD, wanted) + field.claim(field.bare, 0.9)
        claims += field.claim(peers.MEMORY_LAYER, 25 if sockets == 500 else None)
        scenarios.append(
            Scenario(
                topic="fan-out",
                name=f"fan-out-{sockets}",
                measure=f"fan-out, {sockets} sockets",
                sides=field.sides(FanOutLoad(sockets=sockets), *groups),
                claims=claims,
                at=sockets,
            )
        )
    return scenarios


def stored(field: Field) -> list[Scenario]:
    scenarios = []
    for rooms, title, wanted in ((1, "one room", 5), (50, "50 rooms", 6)):
        load = EchoLoad(party="stored", sockets=50, rooms=rooms)
        unstored = EchoLoad(party="echo", sockets=50, rooms=rooms)
        on_postgres = {
            f"{name}, Postgres": side
            for name, side in field.sides(
                load, partyrooms_servers(postgres=True)
            ).items()
            if name == field.ours
        }
        in_memory = {
            f"{name}, nothing stored": side
            for name, side in field.sides(unstored, partyrooms_servers()).items()
            if name == field.ours
        }
        scenarios.append(
            Scenario(
                topic="stored",
                name=f"stored-{rooms}",
                measure=f"stored echo, 50 sockets, {title}",
                sides=field.sides(load, partyrooms_servers(), WORKERD_SERVERS)
                | on_postgres
                | in_memory,
                claims=field.claim(WORKERD, wanted)
                + tuple(
                    Claim(side=field.ours, peer=name)
                    for name in (*on_postgres, *in_memory)
                ),
            )
        )
    return scenarios


def auto_response(field: Field) -> list[Scenario]:
    load = EchoLoad(party="answering", sockets=50)
    by_room = EchoLoad(party="echo", sockets=50)
    return [
        Scenario(
            topic="auto-response",
            name="auto-response-50",
            measure="auto_response, 50 sockets, one room",
            sides=field.sides(load, partyrooms_servers())
            | {
                f"{name}, by the room": side
                for name, side in field.sides(by_room, partyrooms_servers()).items()
                if name == field.ours
            },
            claims=field.claim(f"{field.ours}, by the room", 1.5),
        )
    ]


def http(field: Field) -> list[Scenario]:
    scenarios = []
    for body, verb, wanted in (
        (None, "GET", {"none": 1.0, "default": 0.7}),
        ('{"by": 1}', "POST that stores", {"none": 2.0, "default": 1.2}),
    ):
        load = HttpLoad(path="/parties/counter/r0", body=body)
        for middleware, title in (
            ("none", "no MIDDLEWARE but ours"),
            ("default", "Django's default MIDDLEWARE"),
        ):
            has = {"BENCHMARK_MIDDLEWARE": middleware}
            groups = (partyrooms_servers(**has), view_servers(**has), WORKERD_SERVERS)
            claims = field.claim(WORKERD, wanted[middleware])
            times_drf = 5 if middleware == "default" else None
            claims += field.claim(peers.DRF_VIEW, times_drf)
            scenarios.append(
                Scenario(
                    topic="http",
                    name=f"{verb.split()[0].lower()}-{middleware}",
                    measure=f"HTTP {verb}, {title}",
                    sides=field.sides(load, *groups),
                    claims=claims,
                )
            )
    return scenarios

"""One run: the order in, its turn out."""

import sys

import msgspec
import uvloop

from benchmarks.figures import Turn
from benchmarks.load.http import http, rooms
from benchmarks.load.loads import (
    EchoLoad,
    FanOutLoad,
    HttpLoad,
    IdleLoad,
    Order,
    RoomsLoad,
    StartLoad,
)
from benchmarks.load.sockets import echo, fan_out, idle, start


async def run(order: Order) -> Turn:
    """Put the order's load on its server."""
    match order.load:
        case EchoLoad() as load:
            return await echo(order, load)
        case FanOutLoad() as load:
            return await fan_out(order, load)
        case HttpLoad() as load:
            return await http(order, load)
        case StartLoad() as load:
            return await start(order, load)
        case RoomsLoad() as load:
            return await rooms(order, load)
        case IdleLoad() as load:
            return await idle(order, load)


def main() -> None:
    """Read the order from the command line and print the turn."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    print(msgspec.json.encode(uvloop.run(run(order))).decode())


main()

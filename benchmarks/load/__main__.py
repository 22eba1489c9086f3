"""One run: the order in, its result out."""

import os
import sys

import msgspec
import uvloop

from benchmarks.load.http import http, rooms
from benchmarks.load.loads import (
    EchoLoad,
    FanOutLoad,
    HttpLoad,
    IdleLoad,
    Order,
    PingLoad,
    Result,
    RoomsLoad,
)
from benchmarks.load.sockets import echo, fan_out, idle, ping


async def run(order: Order) -> Result:
    """Put the order's load on its server."""
    match order.load:
        case EchoLoad() as load:
            return await echo(order, load)
        case FanOutLoad() as load:
            return await fan_out(order, load)
        case HttpLoad() as load:
            return await http(order, load)
        case PingLoad() as load:
            return await ping(order, load)
        case RoomsLoad() as load:
            return await rooms(order, load)
        case IdleLoad() as load:
            return await idle(order, load)


def main() -> None:
    """Read the order from the command line and print the result."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    if order.core is not None:
        os.sched_setaffinity(0, {order.core})
    print(msgspec.json.encode(uvloop.run(run(order))).decode())


main()

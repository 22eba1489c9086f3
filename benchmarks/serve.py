"""
Serves one application the way all are served here.

Started as ``python -m benchmarks.serve <module> <core>``; prints its port on a line of
its own when it takes connections.
"""

import os
import socket
import sys

import uvicorn


class _Server(uvicorn.Server):
    """Says where it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)


def main() -> None:
    """Pin the process and serve until SIGTERM."""
    module, core = sys.argv[1:]
    if core != "any":
        os.sched_setaffinity(0, {int(core)})
    config = uvicorn.Config(
        f"{module}:application",
        host="127.0.0.1",
        port=0,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        access_log=False,
        log_level="warning",
    )
    _Server(config).run()


main()

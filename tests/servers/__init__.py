"""
Real servers for tests: uvicorn and Daphne in processes of their own.

```python
from tests.servers.process import serve
from tests.servers.visitor import visit

async with serve("uvicorn") as server, visit(server) as visitor:
    room = await visitor.define(Echo)
    alice = await room.join("alice")
```

A server is a real one, on a port of this machine and a SQLite file of its own; the
classes in a test are sent to it as source and run there as any user's room would.
``serve(kind, application=..., settings_module=...)`` runs another project's.
"""

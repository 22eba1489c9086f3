"""
The load generator: one process of its own that puts one load on one server.

It is started as ``python -m benchmarks.load <load as JSON>`` and prints its result as
JSON. WebSockets are picows on uvloop, which makes several times what any ASGI server
takes, so that the server is what is measured.
"""

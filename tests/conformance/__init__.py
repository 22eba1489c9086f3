"""
The rows of the public contract, each proved over real sockets: on uvicorn, with its
own WebSocket class and with the fast one, and on Daphne.

A test's name carries the rows it proves (``test_r13_r33_...``), its docstring is the
rule. ``make conformance`` turns a run into ``docs/reference/conformance.md``.
"""

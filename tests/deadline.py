"""How long a test waits for what must happen."""

DEADLINE = 120.0
"""
Seconds.

They only end a hang, and are many, so that no machine is too busy for them: no verdict
is a matter of time.
"""

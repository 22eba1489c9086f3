"""
System checks: what is missing or wrong in a project, and how to mend it.

``manage.py check`` runs them, and so do ``runserver`` and ``migrate``; a server that
is started directly (``uvicorn``) does not. ``SILENCED_SYSTEM_CHECKS`` takes the ids
of those warnings that a project knows better about.
"""

from partyrooms.checks import options, services, signatures, spelling, wiring

__all__ = ["options", "services", "signatures", "spelling", "wiring"]

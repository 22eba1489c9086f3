"""Decides: no I/O, no clock, no event loop, no Django; see the architecture page."""

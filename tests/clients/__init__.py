"""Clients that others wrote, unmodified, against real servers."""

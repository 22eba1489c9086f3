"""The demo's rooms, each a small Django app with one page."""

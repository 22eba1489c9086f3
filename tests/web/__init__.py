"""The web side, driven in process: no server, no socket, mostly no database."""

"""A chat room: history, presence, HTTP for bots."""

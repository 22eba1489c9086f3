"""A chat room: history, presence, a door for bots."""

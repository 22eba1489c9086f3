"""A lobby that knows who is in which of its places."""

"""A building that shows who is in which of its places."""

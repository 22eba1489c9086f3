"""A shared number: the smallest room that stores something."""

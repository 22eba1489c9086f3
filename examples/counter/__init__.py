"""A shared number: the smallest room that keeps something."""

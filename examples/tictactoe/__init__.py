"""A game for two, and for spectators."""

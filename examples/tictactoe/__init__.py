"""A game for two, and for whoever looks on."""

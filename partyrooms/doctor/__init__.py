"""
What is wrong with a deployment: looked at from within, and through its address.

``visit`` and ``surroundings`` look; ``diagnosis`` says what the first one means.
"""

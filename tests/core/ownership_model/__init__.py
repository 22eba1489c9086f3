"""
The ownership of one room at a small size, so that every possible course can be tried.

Nothing is assumed about time: any node may be declared dead at any instant, killed, or
paused between any two of its steps, and any reply of the database may be lost. What
decides is the package's own: ``judge`` whether a commit is written, the ownership table
what a node may do. ``Rules`` breaks one rule at a time, to show that it is needed.
"""

"""The room's side: one worker for each room handles its events one at a time."""

"""This process as a node among others: its row, its heartbeat, and who is dead."""

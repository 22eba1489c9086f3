"""The project that the laboratory's processes serve: rooms that keep a ledger."""

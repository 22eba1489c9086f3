"""What carries events to rooms and their outputs back: the contract, and memory."""

"""What becomes of sockets and messages when a room's owner has died."""

"""A socket's side: handshake, consumer, outbox."""

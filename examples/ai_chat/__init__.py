"""A chat with a participant that speaks word by word."""

"""Votes by HTTP, results by WebSocket, and an alarm that closes the poll."""

"""Builds a node of this process and runs it."""

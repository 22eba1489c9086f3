"""Protocols between the layers; no implementation."""

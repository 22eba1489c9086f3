"""This process as a node among others: its row, its heartbeat, and who is dead."""

from partyrooms.nodes.membership import Directory, declare_dead, is_gone, is_live

__all__ = ["Directory", "declare_dead", "is_gone", "is_live"]

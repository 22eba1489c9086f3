"""The examples' rooms, by the kit that users test theirs with."""

"""What a project imports: rooms, stubs, hooks of classes."""

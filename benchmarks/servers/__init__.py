"""What is measured: partyrooms and its peers, all at the same URLs."""

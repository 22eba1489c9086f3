"""What processes say to one another about rooms, a module for each direction."""

"""A second app of the site: its rooms are found, too (SPEC R2)."""

"""What the package's structure must not have; ``make check`` prints what it has."""

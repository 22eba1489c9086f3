"""Everyone's pointer on one canvas."""

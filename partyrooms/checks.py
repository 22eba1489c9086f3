"""System checks: what is missing or wrong in a project, and how to mend it."""

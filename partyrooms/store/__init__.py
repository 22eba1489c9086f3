"""Where rooms keep their data: the port, the database behind it, a fake for tests."""

"""The project that the servers under test serve; each part of it is a test's tool."""

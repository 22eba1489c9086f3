"""The pages are run and looked through, so that they stay true."""

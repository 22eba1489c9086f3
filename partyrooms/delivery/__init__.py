"""What is on its way to one client: frames, requests, responses, streams."""

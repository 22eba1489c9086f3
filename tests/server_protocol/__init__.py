"""The WebSocket class for uvicorn, by itself: no Django, no rooms."""

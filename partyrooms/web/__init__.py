"""Django's and ASGI's side of rooms."""

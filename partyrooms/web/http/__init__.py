"""Django's request cycle around rooms: handler, bodies, policies, addresses."""

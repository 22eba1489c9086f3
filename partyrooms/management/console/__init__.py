"""What ``manage.py rooms`` is made of: each module one of the things it can do."""

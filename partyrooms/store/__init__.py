"""The store on Django's ORM: rooms, entries, alarms and crons in the database."""

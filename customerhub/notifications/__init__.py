"""Reminders: which are due, what they say, and which are upcoming."""

"""Envelopes: creating them, what becomes of them, and how they look to those who ask."""

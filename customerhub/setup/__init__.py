"""Rows of the set-up screens."""

"""Customers: records, portal users, alerts, duplicates, merging, search and import."""

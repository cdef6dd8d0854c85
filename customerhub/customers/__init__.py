"""Customers: their records, groups, search, import and export."""

"""Tests of customers: their rules, records and imports."""

"""Initial data: reference data of every organisation, the demo, and any number of generated customers.

Each part may run again: existing rows are left unchanged.
"""

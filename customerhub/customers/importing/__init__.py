"""Customers from an Excel workbook.

`columns` defines what each column means, `checking` checks the rows against the rules and the database, `saving` writes
them, `transitions` and `worker_steps` lead an import from its upload to its end, `reverting` reverts one.
"""

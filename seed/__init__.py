"""Data to begin with: reference data every organisation needs, a demo, and made-up customers in any number.

Each part may run again: what is there is left alone.
"""

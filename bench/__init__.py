"""Measurements: how fast the hub is and how it grows. `python -m bench` prints them; docs/benchmarks.md keeps them."""

"""Usage of customers and its cost."""

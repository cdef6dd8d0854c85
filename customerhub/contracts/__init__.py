"""Contracts and orders, their transitions, and which customers are eligible."""

"""Approval from first contact to live: stages, tasks, decisions, the blacklist."""

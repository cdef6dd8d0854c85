"""What customers use, and what it costs."""

"""What is said to people by mail, and how it is worded."""

"""Notes, follow-ups and attachments of customers, and the feed of what happened."""

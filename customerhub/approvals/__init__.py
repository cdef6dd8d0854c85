"""From first contact to live: stages, approval tasks, blacklist, particulars."""

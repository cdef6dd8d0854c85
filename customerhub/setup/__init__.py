"""Set-up data: what an administrator fills in once."""

"""Users: accounts, sign-in, one-time links and passwords."""

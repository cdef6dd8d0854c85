"""What applies to every request: actor, security, errors, form tokens, health."""

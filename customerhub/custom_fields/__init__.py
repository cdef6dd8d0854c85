"""Fields that an organisation adds to what the hub keeps, without code."""

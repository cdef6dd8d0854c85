"""The layout of forms: which fields are shown, where, and which of them an organisation requires."""

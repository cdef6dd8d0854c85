"""What a customer has signed, and whom its invoices go to."""

"""What records, and printed figures, are worth."""

"""What was recorded, of which clips, and where it lies."""

"""Where a face lies in a picture, and the same face in the same place."""

"""Networks of my own."""

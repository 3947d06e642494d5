"""Questions beyond the ranking: what looking is worth, and where networks look."""

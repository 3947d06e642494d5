"""The leaderboards as a static site."""

"""Leaderboards and the papers' tables, as pure functions of committed records; no torch."""

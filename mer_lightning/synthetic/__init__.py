"""Invented data in the shape of the real."""

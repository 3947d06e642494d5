"""Databases, one file each."""

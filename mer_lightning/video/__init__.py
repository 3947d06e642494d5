"""Frames from files, and nothing about whom they show."""

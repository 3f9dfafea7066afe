"""Logging and progress."""

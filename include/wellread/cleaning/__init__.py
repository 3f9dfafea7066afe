"""Elements to clean text. Pure functions."""

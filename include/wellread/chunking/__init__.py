"""Clean text to chunks that survive edits. Pure functions."""

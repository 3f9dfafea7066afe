"""Golden questions and measures."""

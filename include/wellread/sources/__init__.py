"""Places with documents: list completely and in order, fetch, look again."""

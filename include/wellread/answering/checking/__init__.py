"""Is an answer true to its evidence? Quotes located, facts compared, policies applied."""

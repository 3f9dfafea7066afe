"""Plan, answer, check quotes, abstain."""

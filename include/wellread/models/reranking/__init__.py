"""Passages scored again by a model that reads question and passage together."""

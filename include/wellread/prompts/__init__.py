"""Prompt templates, as data."""

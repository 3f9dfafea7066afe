"""Texts to vectors: local, OpenAI's protocol, Cohere."""

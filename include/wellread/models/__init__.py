"""Embedders, chat models, rerankers."""

"""Wellread keeps a Weaviate index in step with documents and answers questions from it with checked quotes."""

from __future__ import annotations

__version__ = "0.1.0"

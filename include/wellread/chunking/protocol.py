"""What chunking needs of a model: how it counts."""

from __future__ import annotations

from typing import Protocol


class TokenCounter(Protocol):
    """Counts tokens the way one model does. Chunking needs no more of a model than this."""

    def __call__(self, text: str) -> int:
        """The number of tokens of ``text``, without special tokens."""

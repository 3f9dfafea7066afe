"""What a reranker must do: score passages against a question, reading both together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RerankerIdentity:
    """What the scores depend on."""

    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class RerankResult:
    """One score a text."""

    scores: tuple[float, ...]
    """In the order of the texts; larger is better; of one question only, scores of two are not comparable."""
    search_units: int = 0
    """What the provider billed, in its own unit; 0 where it says nothing."""


class Reranker(Protocol):
    """Scores texts; always checks count, index and finiteness itself. Safe to share between threads."""

    @property
    def identity(self) -> RerankerIdentity:
        """Provider and model."""

    @property
    def texts_per_request(self) -> int:
        """At most so many texts; more are refused with ``ValueError``."""

    def rerank(self, question: str, texts: Sequence[str]) -> RerankResult:
        """Score all texts in one request. Errors as ``ChatModel.ask``, with stage ``rerank``."""

    def close(self) -> None:
        """Release connections."""

"""What models must do. Implementations carry the product's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from wellread.snapshots import ModelIdentity

EmbeddingKind = Literal["document", "query"]
Vectors = npt.NDArray[np.float32]
"""Shape (texts, dimensions), float32, unit length, in the order of the texts."""


@dataclass(frozen=True, slots=True)
class EmbedderLimits:
    """What one request may hold. Enforced here, before anything is sent."""

    texts_per_request: int
    tokens_per_request: int
    tokens_per_text: int
    concurrency: int = 1


@dataclass(frozen=True, slots=True)
class EmbeddingResult:
    """Vectors for the texts asked, and what they cost."""

    vectors: Vectors
    input_tokens: int
    requests: int


class Embedder(Protocol):
    """Turns texts into vectors; always checks count, order, dimension, finiteness and norm itself."""

    @property
    def identity(self) -> ModelIdentity:
        """Everything the vectors depend on."""

    @property
    def limits(self) -> EmbedderLimits:
        """Bounds of one request."""

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text`` as this model counts them, or an upper bound of them."""

    def embed(self, texts: Sequence[str], *, kind: EmbeddingKind) -> EmbeddingResult:
        """Embed texts that fit ``limits`` together (one request).

        Raises ``RateLimitedError``/``TransientError`` (retry), ``DocumentError`` stage ``embed`` (an input
        was refused: the caller bisects), ``AuthenticationError``, ``QuotaExhaustedError``.
        """

    def close(self) -> None:
        """Release sessions and connections."""

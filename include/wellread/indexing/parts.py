"""What ingestion works with, handed in by whoever composes it (``wellread.workspace``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from wellread.artifacts.protocol import ArtifactStore
from wellread.chunking.settings import ChunkingSettings
from wellread.cleaning.settings import CleaningSettings
from wellread.documents import ParsedDocument
from wellread.identities import sha256_json
from wellread.indexing.settings import IndexingSettings
from wellread.ledger.database import Ledger
from wellread.models.prices import Price
from wellread.models.protocol import Embedder
from wellread.quality.settings import QualitySettings
from wellread.retries import RetrySettings
from wellread.runs import DocumentStatistics
from wellread.snapshots import ModelIdentity
from wellread.stores.protocol import VectorStore
from wellread.telemetry.progress import Progress


class Parser(Protocol):
    """Bytes to elements, somewhere where a bad document does no harm."""

    def submit(self, content: bytes, natural_key: str) -> Future[ParsedDocument]:
        """Parse soon. The future raises ``DocumentError`` for a document that cannot be read."""


class QualityGate(Protocol):
    """The run-level check: raises ``QualityError`` where the run must not be paid for."""

    def __call__(self, rows: Sequence[DocumentStatistics], *, report_folder: Path | None) -> str | None:
        """Check the statistics of all documents of a run; returns the address of the report, if any."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The composed parts of one deployment."""

    ledger: Ledger
    store: VectorStore
    artifacts: ArtifactStore
    embedder: Embedder
    parser: Parser
    parse_signature: str
    quality_gate: QualityGate
    warm_quality_gate: Callable[[], None]
    """Said when a run will ask the gate: what that takes may start beside the extraction."""
    terms_of: Callable[[str, str], Iterable[str]]
    """Distinct stems of (text, language), as retrieval counts them."""
    settings: IndexingSettings
    cleaning: CleaningSettings
    chunking: ChunkingSettings
    quality: QualitySettings
    retry: RetrySettings
    lease_seconds: float
    progress: Progress
    reports: Path | None = None
    """Where quality reports (Data Docs) are written."""
    price: Price | None = None
    """What the embedder costs; ``None``: nobody knows."""
    previous_embedder: Embedder | None = None
    """While a collection is migrated: the model that it comes from."""
    previous_price: Price | None = None

    def with_model(self, model: ModelIdentity) -> Parts:
        """These parts with the embedder of this model, where one of the two is; else as they are."""
        previous = self.previous_embedder
        if self.embedder.identity == model or previous is None or previous.identity != model:
            return self
        return replace(
            self,
            embedder=previous,
            previous_embedder=self.embedder,
            price=self.previous_price,
            previous_price=self.price,
        )

    @property
    def model_hash(self) -> str:
        """The hash of the embedding model's whole identity."""
        return sha256_json(self.embedder.identity.as_dict())

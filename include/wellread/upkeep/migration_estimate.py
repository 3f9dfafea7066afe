"""Count what a migration would embed, before it is paid."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from wellread.artifacts.codec import get_json
from wellread.identities import embedding_key
from wellread.indexing.content import ChunkSet
from wellread.indexing.heads import known_projection
from wellread.indexing.parts import Parts
from wellread.ledger import objects as ledger_objects
from wellread.ledger import projections
from wellread.ledger import vectors as ledger_vectors

_DOCUMENTS = 100


@dataclass(slots=True)
class Estimate:
    """What a migration to the configured model reads and embeds."""

    documents: int = 0
    chunks: int = 0
    """Rows of chunks, closed ones that a pinned snapshot may show included."""
    inputs: int = 0
    """Distinct texts without a cached vector: each is embedded once."""
    tokens: int = 0
    """As the new model counts them, or an upper bound."""
    too_long: int = 0
    """Distinct texts that the new model does not take: they would stop the migration."""

    def as_dict(self) -> dict[str, object]:
        """As JSON."""
        return asdict(self)


def estimate_migration(parts: Parts, collection: str) -> Estimate:
    """Read every document's chunks; nothing is written or asked of a model. Raises as a migration's start."""
    live = known_projection(parts, collection)
    found = Estimate()
    seen: set[str] = set()
    after = None
    while True:
        with parts.ledger.reading() as reading:
            documents = projections.documents_of(reading, [live], after=after, limit=_DOCUMENTS)
            rows = ledger_objects.rows_of_documents(reading, live, documents)
        if not documents:
            return found
        after = documents[-1]
        chunks = [row for row in rows if row.kind == "chunks"]
        found.documents += len(documents)
        found.chunks += len(chunks)
        inputs: dict[str, str] = {}
        for reference in {row.reference for row in chunks}:
            content = get_json(parts.artifacts, ChunkSet, reference)
            for row in chunks:
                if row.reference == reference:
                    text = content.chunks[row.ordinal].embedding_input
                    inputs[embedding_key(parts.model_hash, text)] = text
        _count(parts, found, {key: text for key, text in inputs.items() if key not in seen})
        seen |= inputs.keys()


def _count(parts: Parts, found: Estimate, inputs: dict[str, str]) -> None:
    with parts.ledger.reading() as reading:
        known = ledger_vectors.known_keys(reading, list(inputs))
    missing = [text for key, text in inputs.items() if key not in known]
    tokens = [parts.embedder.count_tokens(text) for text in missing]
    found.inputs += len(missing)
    found.tokens += sum(tokens)
    found.too_long += sum(count > parts.embedder.limits.tokens_per_text for count in tokens)

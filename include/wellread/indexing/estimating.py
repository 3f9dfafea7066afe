"""What a plan will cost, before anything is spent: exact where the text is known, else a range with its basis."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from wellread.artifacts.codec import get_json
from wellread.documents import ParsedDocument
from wellread.identities import embedding_key
from wellread.indexing.content import ChunkSet
from wellread.indexing.extraction import chunk_set
from wellread.indexing.parts import Parts
from wellread.indexing.plans import READING, Plan, PlannedDocument
from wellread.indexing.signatures import chunk_memo_key, parse_memo_key
from wellread.indexing.spending import MICRO, cost_micro_usd
from wellread.ledger import densities, run_records
from wellread.ledger import documents as ledger_documents
from wellread.ledger import vectors as ledger_vectors

TEXT_SHARES: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys((".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml", ""), (0.8, 1.0)),
    **dict.fromkeys((".html", ".htm", ".xml", ".eml", ".rtf"), (0.1, 0.9)),
    **dict.fromkeys((".docx", ".pptx", ".xlsx", ".odt", ".epub", ".msg"), (0.02, 2.0)),
    **dict.fromkeys((".pdf",), (0.002, 0.5)),
}
"""Bytes of text for a byte of a file, least and most, by extension: rules of thumb until there is a history."""
_ANY_SHARE = (0.0, 1.0)
_BYTES_PER_WORD = (4.0, 8.0)
_TOKENS_PER_WORD = (1.0, 3.0)
_FULL_CHUNK_RATIO = (0.4, 1.0)
"""How full chunks are: text ends before the limit."""
_LEAST_HISTORY = 5


@dataclass(frozen=True, slots=True)
class Range:
    """Least and most."""

    low: int = 0
    high: int = 0

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the documents of a plan will cost. Those left for later waves are not in it."""

    documents: int
    chunks: Range
    embeddings: Range
    tokens: Range
    low_usd: float | None
    high_usd: float | None
    """``None``: the price is not known."""
    price_source: str | None
    basis: Mapping[str, int] = field(default_factory=dict)
    """How many documents were estimated in which way."""
    pending: int = 0

    def as_dict(self) -> dict[str, object]:
        """As JSON values; small enough for an XCom."""
        ranges = {name: getattr(self, name) for name in ("chunks", "embeddings", "tokens")}
        return {
            "documents": self.documents,
            **{name: {"low": one.low, "high": one.high} for name, one in ranges.items()},
            "low_usd": self.low_usd,
            "high_usd": self.high_usd,
            "price_source": self.price_source,
            "basis": dict(self.basis),
            "pending": self.pending,
        }

    def as_text(self) -> str:
        """One line for people."""
        price = "the price is not known"
        if self.low_usd is not None and self.high_usd is not None:
            price = f"${self.low_usd:.4f} to ${self.high_usd:.4f}"
        ranges = {name: getattr(self, name) for name in ("chunks", "embeddings", "tokens")}
        counts = ", ".join(f"{_shown(one)} {name}" for name, one in ranges.items())
        later = f"; {self.pending} more documents are left for later waves" if self.pending else ""
        return (
            f"{self.documents} documents, {counts}: {price} (price: {self.price_source or 'none'}; "
            f"basis: {', '.join(f'{name} {count}' for name, count in self.basis.items()) or 'no work'}){later}"
        )


def _shown(one: Range) -> str:
    return str(one.low) if one.low == one.high else f"{one.low} to {one.high}"


def estimate_plan(parts: Parts, plan: Plan) -> Estimate:
    """Add up the plan's documents. Parsed texts that are known are cut again, which costs time and no money."""
    work = _Work(parts, plan.declaration.collection)
    for document in plan.documents:
        if document.action in READING:
            work.add(document)
    return work.estimate(len(plan.documents), plan.outcomes.get("pending", 0))


class _Work:
    """Sums while they grow."""

    def __init__(self, parts: Parts, collection: str) -> None:
        self._parts = parts
        self._collection = collection
        self._chunks = self._embeddings = self._tokens = Range()
        self._basis: Counter[str] = Counter()
        self._seen: set[str] = set()
        self._densities: dict[str, tuple[float, float] | None] = {}
        with parts.ledger.reading() as reading:
            history = ledger_vectors.embedding_history(reading, parts.model_hash)
        self._tokens_per_chunk = history.tokens / history.texts if history.texts and history.tokens else None

    def add(self, document: PlannedDocument) -> None:
        """One document by the best that is known of it."""
        if document.reason in {"facts", "moved"}:
            self._basis["nothing to embed"] += 1
            return
        content = self._known_content(document)
        if content is not None:
            self._add_exactly(content)
            self._basis["known text"] += 1
        else:
            self._add_by_bytes(document)

    def _known_content(self, document: PlannedDocument) -> ChunkSet | None:
        """What the bytes will become, where they were parsed before."""
        parts = self._parts
        if document.content_sha is None:
            return None
        memo_key = parse_memo_key(parts, document.content_sha, document.natural_key)
        with parts.ledger.reading() as reading:
            elements_ref = run_records.find_extractions(reading, [memo_key]).get(memo_key)
            known = ledger_documents.live_documents(reading, self._collection, [document.doc_id])
        if elements_ref is None or not parts.artifacts.exists(elements_ref):
            return None
        before = known.get(document.doc_id)
        same = before is not None and document.reason != "settings"
        previous_ref = before.chunks_ref if before is not None and same else None
        memo_key = chunk_memo_key(parts, elements_ref, previous_ref)
        with parts.ledger.reading() as reading:
            reference = run_records.find_extractions(reading, [memo_key]).get(memo_key)
        if reference is not None and parts.artifacts.exists(reference):
            return get_json(parts.artifacts, ChunkSet, reference)
        previous = () if previous_ref is None else get_json(parts.artifacts, ChunkSet, previous_ref).chunks
        return chunk_set(parts, get_json(parts.artifacts, ParsedDocument, elements_ref), previous)

    def _add_exactly(self, content: ChunkSet) -> None:
        parts, model_hash = self._parts, self._parts.model_hash
        inputs = {embedding_key(model_hash, one.embedding_input): one.embedding_input for one in content.chunks}
        with parts.ledger.reading() as reading:
            self._seen |= ledger_vectors.known_keys(reading, list(inputs))
        fresh = {key: text for key, text in inputs.items() if key not in self._seen}
        self._seen.update(fresh)
        self._chunks += Range(len(content.chunks), len(content.chunks))
        self._embeddings += Range(len(fresh), len(fresh))
        for text in fresh.values():
            most = parts.embedder.count_tokens(text)
            is_bound = most >= len(text.encode("utf-8", "surrogatepass"))
            self._tokens += Range(math.ceil(most / 6) if is_bound else most, most)

    def _add_by_bytes(self, document: PlannedDocument) -> None:
        extension = PurePosixPath(document.natural_key).suffix.casefold()
        density = self._density(extension)
        if density is not None:
            self._basis[f"history of {extension or 'files without extension'}"] += 1
        else:
            self._basis["bytes by type"] += 1
            density = self._rule_of_thumb(extension)
        low, high = (document.size_bytes * ratio for ratio in density)
        chunks = Range(math.floor(low), max(1, math.ceil(high)))
        self._chunks += chunks
        # A changed document keeps most of its chunks; a new one may be a copy, which its bytes will tell.
        embeddings = Range(min(1, chunks.low) if document.reason == "content" else chunks.low, chunks.high)
        self._embeddings += embeddings
        low_tokens, high_tokens = self._tokens_per_one_chunk()
        self._tokens += Range(math.floor(embeddings.low * low_tokens), math.ceil(embeddings.high * high_tokens))

    def _density(self, extension: str) -> tuple[float, float] | None:
        """Chunks per byte, from the 10th to the 90th percentile of the collection's own documents."""
        if extension not in self._densities:
            with self._parts.ledger.reading() as reading:
                found = densities.chunks_per_byte(reading, self._collection, extension) if extension else []
            enough = len(found) >= _LEAST_HISTORY
            self._densities[extension] = (found[len(found) // 10], found[-1 - len(found) // 10]) if enough else None
        return self._densities[extension]

    def _rule_of_thumb(self, extension: str) -> tuple[float, float]:
        low, high = TEXT_SHARES.get(extension, _ANY_SHARE)
        words = self._parts.chunking.max_words
        return (
            low / (_BYTES_PER_WORD[1] * words * _FULL_CHUNK_RATIO[1]),
            high / (_BYTES_PER_WORD[0] * words * _FULL_CHUNK_RATIO[0]),
        )

    def _tokens_per_one_chunk(self) -> tuple[float, float]:
        if self._tokens_per_chunk is not None:
            return self._tokens_per_chunk * 0.8, self._tokens_per_chunk * 1.25
        words, most = self._parts.chunking.max_words, self._parts.embedder.limits.tokens_per_text
        low, high = (words * full * ratio for full, ratio in zip(_FULL_CHUNK_RATIO, _TOKENS_PER_WORD, strict=True))
        return min(low, most), min(high, most)

    def again(self, documents: int, chunks: int) -> Estimate:
        """As many chunks as there are, at most all of them embedded."""
        self._chunks = Range(chunks, chunks)
        self._embeddings = Range(0, chunks)
        self._tokens = Range(0, math.ceil(chunks * self._tokens_per_one_chunk()[1]))
        self._basis["chunks of now"] = documents
        return self.estimate(documents, 0)

    def estimate(self, documents: int, pending: int) -> Estimate:
        """The sums and their price."""
        price = self._parts.price
        low_usd = None if price is None else cost_micro_usd(price, self._tokens.low) / MICRO
        high_usd = None if price is None else cost_micro_usd(price, self._tokens.high) / MICRO
        return Estimate(
            documents,
            self._chunks,
            self._embeddings,
            self._tokens,
            low_usd,
            high_usd,
            None if price is None else price.source,
            dict(self._basis),
            pending,
        )


def embeddings_again(
    parts: Parts, collection: str, documents: Sequence[ledger_documents.KnownDocument]
) -> Estimate:
    """What embedding documents again costs at most: as many chunks as they have now, none of them kept."""
    work = _Work(parts, collection)
    with parts.ledger.reading() as reading:
        chunks = sum(densities.count_chunks(reading, collection, [one.doc_id for one in documents]).values())
    return work.again(len(documents), chunks)

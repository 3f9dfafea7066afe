"""Vectors for chunks: from the cache, else computed once and kept before anything else happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wellread.errors import DocumentError
from wellread.identities import embedding_key
from wellread.indexing.heads import parts_of
from wellread.indexing.parts import Parts
from wellread.ledger import vectors as ledger_vectors
from wellread.ledger.vectors import Vector
from wellread.models.embedding.batching import embed_many
from wellread.models.embedding.self_check import CANARY_TEXT, canary_check
from wellread.models.protocol import Vectors
from wellread.retries import call_with_retries
from wellread.snapshots import Projection


@dataclass(slots=True)
class Embedded:
    """Vectors by embedding key, and the inputs that no vector can be had for."""

    vectors: dict[str, Vector] = field(default_factory=dict)
    refused: dict[str, DocumentError] = field(default_factory=dict)
    computed: int = 0
    reused: int = 0


def embed_inputs(parts: Parts, run_id: str, inputs: Mapping[str, str]) -> Embedded:
    """A vector for each (embedding key -> input). Each answered request is durable before the next is sent."""
    with parts.ledger.reading() as reading:
        found = ledger_vectors.find_vectors(reading, list(inputs))
    result = Embedded(vectors=found, reused=len(found))
    missing = [key for key in inputs if key not in found]
    if not missing:
        return result
    _check_canary(parts, run_id)
    model_hash = parts.model_hash

    def keep(indices: Sequence[int], vectors: Vectors, tokens: int) -> None:
        fresh = {missing[index]: vector for index, vector in zip(indices, vectors, strict=True)}
        with parts.ledger.transaction() as tx:
            ledger_vectors.store_vectors(tx, model_hash, fresh)
            ledger_vectors.record_usage(
                tx,
                run_id=run_id,
                model_hash=model_hash,
                kind="embed",
                requests=1,
                texts=len(fresh),
                tokens=tokens,
            )
        result.vectors.update(fresh)
        result.computed += len(fresh)
        parts.progress.advance("embed", count=len(fresh))

    report = embed_many(
        parts.embedder, [inputs[key] for key in missing], kind="document", on_batch=keep, retry=parts.retry
    )
    result.refused = {missing[index]: error for index, error in report.refused.items()}
    return result


def refused_by_mirrors(
    parts: Parts, run_id: str, mirrors: Sequence[Projection], inputs: Mapping[str, str]
) -> dict[str, DocumentError]:
    """Embed the same inputs under the models of the copies that are kept in step; what one refuses, by given key.

    A document that one copy cannot hold must stay out of all: they are published together.
    """
    refused: dict[str, DocumentError] = {}
    for mirror in mirrors:
        own = parts_of(parts, mirror)
        keys = {embedding_key(own.model_hash, text): key for key, text in inputs.items()}
        embedded = embed_inputs(own, run_id, {name: inputs[key] for name, key in keys.items()})
        refused.update({keys[name]: error for name, error in embedded.refused.items()})
    return refused


_checked_runs: set[tuple[str, str]] = set()
"""(run, model) pairs whose canary this process has seen alive."""


def _check_canary(parts: Parts, run_id: str) -> None:
    """Once a run, embed a fixed text and compare: a provider that swapped its model is found before it is paid."""
    model_hash = parts.model_hash
    if (run_id, model_hash) in _checked_runs:
        return
    key = embedding_key(model_hash, CANARY_TEXT)
    with parts.ledger.reading() as reading:
        stored = ledger_vectors.find_vectors(reading, [key]).get(key)
    vector = call_with_retries(lambda: canary_check(parts.embedder, stored), settings=parts.retry, what="embed")
    if stored is None:
        with parts.ledger.transaction() as tx:
            ledger_vectors.store_vectors(tx, model_hash, {key: vector.reshape(-1)})
    _checked_runs.add((run_id, model_hash))

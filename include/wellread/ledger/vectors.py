"""The embedding cache: what was paid for is kept, by model identity and exact input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Transaction
from wellread.ledger.schema import usage, vectors
from wellread.ledger.upserts import insert_missing

Vector = npt.NDArray[np.float32]
_KEYS_PER_QUERY = 500
"""SQLite takes at most 32,766 variables; shorter statements also keep the plan cache useful."""


def find_vectors(tx: Transaction, embedding_keys: Sequence[str]) -> dict[str, Vector]:
    """The vectors that are known, by key."""
    found: dict[str, Vector] = {}
    for start in range(0, len(embedding_keys), _KEYS_PER_QUERY):
        part = embedding_keys[start : start + _KEYS_PER_QUERY]
        query = sa.select(vectors.c.embedding_key, vectors.c.vector).where(vectors.c.embedding_key.in_(part))
        found.update({row.embedding_key: np.frombuffer(row.vector, dtype="<f4") for row in tx.execute(query)})
    return found


def known_keys(tx: Transaction, embedding_keys: Sequence[str]) -> set[str]:
    """Those keys that have a vector, without reading it."""
    known: set[str] = set()
    for start in range(0, len(embedding_keys), _KEYS_PER_QUERY):
        part = embedding_keys[start : start + _KEYS_PER_QUERY]
        known.update(
            tx.execute(sa.select(vectors.c.embedding_key).where(vectors.c.embedding_key.in_(part))).scalars()
        )
    return known


def store_vectors(tx: Transaction, model_hash: str, found: Mapping[str, Vector]) -> None:
    """Keep vectors; a key that is known stays as it is."""
    insert_missing(
        tx,
        vectors,
        [
            {
                "embedding_key": key,
                "model_hash": model_hash,
                "vector": np.ascontiguousarray(vector, dtype="<f4").tobytes(),
                "created_at": epoch_now(),
            }
            for key, vector in found.items()
        ],
    )


def record_usage(
    tx: Transaction, *, run_id: str, model_hash: str, kind: str, requests: int, texts: int, tokens: int
) -> None:
    """Note what was asked of a model."""
    tx.execute(
        sa.insert(usage).values(
            run_id=run_id,
            model_hash=model_hash,
            kind=kind,
            requests=requests,
            texts=texts,
            tokens=tokens,
            at=epoch_now(),
        )
    )


def texts_embedded(tx: Transaction, run_ids: Iterable[str]) -> int:
    """How many texts these runs had embedded."""
    query = sa.select(sa.func.coalesce(sa.func.sum(usage.c.texts), 0)).where(
        usage.c.run_id.in_(list(run_ids)), usage.c.kind == "embed"
    )
    return int(tx.execute(query).scalar_one())

"""The embedding cache: what was paid for is kept, by model identity and exact input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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
    tx: Transaction,
    *,
    run_id: str,
    model_hash: str,
    kind: str,
    requests: int,
    texts: int,
    tokens: int,
    cost_micro_usd: int | None = None,
) -> None:
    """Note what was asked of a model, and what it cost where the price is known."""
    tx.execute(
        sa.insert(usage).values(
            run_id=run_id,
            model_hash=model_hash,
            kind=kind,
            requests=requests,
            texts=texts,
            tokens=tokens,
            cost_micro_usd=cost_micro_usd,
            at=epoch_now(),
        )
    )


@dataclass(frozen=True, slots=True)
class EmbeddingUsage:
    """What was embedded, by the provider's own count of tokens."""

    texts: int
    tokens: int
    cost_micro_usd: int | None
    """``None``: the price of some request was not known."""


def embedding_usage(tx: Transaction, run_ids: Iterable[str]) -> EmbeddingUsage:
    """What these runs had embedded. The canary counts as tokens and not as a text."""
    return _usage(tx, usage.c.run_id.in_(list(run_ids)))


def embedding_history(tx: Transaction, model_hash: str) -> EmbeddingUsage:
    """What a model has embedded so far."""
    return _usage(tx, usage.c.model_hash == model_hash)


def _usage(tx: Transaction, where: sa.ColumnElement[bool]) -> EmbeddingUsage:
    unknown = sa.func.count().filter(usage.c.cost_micro_usd.is_(None))
    query = sa.select(
        sa.func.coalesce(sa.func.sum(usage.c.texts), 0).label("texts"),
        sa.func.coalesce(sa.func.sum(usage.c.tokens), 0).label("tokens"),
        sa.func.coalesce(sa.func.sum(usage.c.cost_micro_usd), 0).label("cost"),
        unknown.label("unpriced"),
    ).where(where, usage.c.kind == "embed")
    row = tx.execute(query).one()
    return EmbeddingUsage(int(row.texts), int(row.tokens), None if row.unpriced else int(row.cost))

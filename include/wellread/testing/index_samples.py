"""Index objects for tests, made of their text alone: the same text is always the same key and vector.

Keyword arguments replace any field of the value that is built.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from datetime import UTC, datetime
from typing import Any

from wellread.documents import ChunkObject, Placement, VersionObject
from wellread.identities import chunk_key, document_id, object_id, version_key
from wellread.snapshots import Head, ModelIdentity, Projection, Snapshot

DIMENSIONS = 8
"""Few, so that tens of thousands of objects load in seconds."""

MODEL = ModelIdentity(provider="test", model="hash", revision="1", dimensions=DIMENSIONS)


def projection_of(collection: str, **changes: Any) -> Projection:
    """The first projection of a collection."""
    return Projection(
        **{"collection": collection, "number": 1, "model": MODEL, "store_epoch": "epoch-1", **changes}
    )


def head_of(projection: Projection, snapshot: Snapshot, seq: int = 1, **changes: Any) -> Head:
    """A head over one projection."""
    return Head(seq=seq, projection=projection, snapshot=snapshot, oldest_readable=0, **changes)


def vector_of(text: str, dimensions: int = DIMENSIONS) -> tuple[float, ...]:
    """A unit vector that depends on the text alone."""
    seed = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    draw = random.Random(seed)  # noqa: S311  # a reproducible direction, not a secret
    values = [draw.gauss(0, 1) for _ in range(dimensions)]
    norm = sum(value * value for value in values) ** 0.5
    return tuple(value / norm for value in values)


def doc_of(natural_key: str, source_id: str = "s", tenant: str = "t") -> uuid.UUID:
    """A document's id."""
    return document_id(tenant, source_id, natural_key)


def chunk_of(text: str, natural_key: str = "guide-3.md", **changes: Any) -> ChunkObject:
    """A chunk whose key and vector come from its text."""
    source_id, tenant = changes.get("source_id", "s"), changes.get("tenant", "t")
    doc_id = doc_of(natural_key, source_id, tenant)
    key = chunk_key(doc_id, text, 1)
    rev_from, copy = changes.get("rev_from", 1), changes.get("copy", 0)
    values: dict[str, Any] = {
        "object_id": object_id(key, rev_from, copy),
        "chunk_key": key,
        "doc_id": doc_id,
        "source_id": source_id,
        "tenant": tenant,
        "acl": ("*",),
        "rev_from": rev_from,
        "rev_to": 0,
        "copy": copy,
        "text": text,
        "repeated_chars": 0,
        "title": "A guide",
        "headings": ("Part one", "Chapter two"),
        "language": "en",
        "kind": "text",
        "payload_hash": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        "vector": vector_of(text),
    }
    return ChunkObject(**{**values, **changes})


def version_of(natural_key: str = "guide-3.md", **changes: Any) -> VersionObject:
    """A document version with three placements."""
    doc_id = doc_of(natural_key, changes.get("source_id", "s"), changes.get("tenant", "t"))
    rev_from, copy = changes.get("rev_from", 1), changes.get("copy", 0)
    version_hash = changes.get("version_hash", f"version-{rev_from}")
    moment = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
    values: dict[str, Any] = {
        "object_id": object_id(version_key(doc_id, version_hash), rev_from, copy),
        "doc_id": doc_id,
        "source_id": "s",
        "tenant": "t",
        "acl": ("*",),
        "rev_from": rev_from,
        "rev_to": 0,
        "copy": copy,
        "natural_key": natural_key,
        "title": "A guide",
        "opening": "How to read well.",
        "metadata": {"year": 2020, "ratio": 0.5, "draft": False, "author": "Zoë"},
        "version_hash": version_hash,
        "modified_at": moment,
        "ingested_at": moment,
        "placements": placements_of(doc_id, 3),
        "payload_hash": "p" * 64,
    }
    return VersionObject(**{**values, **changes})


def placements_of(doc_id: uuid.UUID, count: int) -> tuple[Placement, ...]:
    """An arrangement of that many chunks, some with a page."""
    return tuple(
        Placement(chunk_key(doc_id, str(index), 1), index * 10, index * 10 + 9, index or None)
        for index in range(count)
    )

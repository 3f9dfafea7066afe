"""Who is who: deterministic ids and hashes. Pure functions of values.

Ids never contain a position, a time or a file name where content is meant: an edit in the middle of a
document leaves the ids of everything else alone.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence

NAMESPACE = uuid.UUID("6b9c3f0e-4c1f-5d0a-9d53-1f0b6a5e7c21")
"""The project's own uuid5 namespace. Changing it orphans every index that exists."""

BUCKET_COUNT = 1024
"""Audits of large revisions are split by ``bucket``, so that one query stays below the server's 10,000."""


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
"""Made once: ``json.dumps`` with these options would make one for each value."""


def canonical_json(value: object) -> str:
    """One text for one value: sorted keys, no white space, no NaN, Unicode kept."""
    return _CANONICAL.encode(value)


def sha256_text(text: str) -> str:
    """Hex SHA-256 of a text. A lone surrogate is hashed as its own three bytes instead of failing."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sha256_bytes(content: bytes) -> str:
    """Hex SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def sha256_json(value: object) -> str:
    """Hex SHA-256 of the canonical JSON of a value."""
    return sha256_text(canonical_json(value))


def _uuid(parts: Sequence[object]) -> uuid.UUID:
    return uuid.uuid5(NAMESPACE, canonical_json(list(parts)))


def document_id(tenant: str, source_id: str, natural_key: str) -> uuid.UUID:
    """The id of a document, for ever: tenant, permanent source id, canonical key within the source."""
    return _uuid(["document", tenant, source_id, natural_key])


def stage_signature(code_version: str, settings: Mapping[str, object], *identities: str) -> str:
    """What a stage's output depends on besides its input: its code version, settings and models."""
    return sha256_json([code_version, dict(settings), list(identities)])


def chunk_content_hash(embedding_input: str, text: str, headings: Sequence[str], language: str) -> str:
    """Hash of everything about a chunk that a reader may find or cite."""
    return sha256_json([embedding_input, text, list(headings), language])


def chunk_key(doc_id: uuid.UUID, content_hash: str, occurrence: int) -> uuid.UUID:
    """The identity of one content at its ``occurrence``-th place (from 1) in a document."""
    return _uuid(["chunk", str(doc_id), content_hash, occurrence])


def object_id(key: uuid.UUID, rev_from: int, copy: int) -> uuid.UUID:
    """The id of the write-once index object that shows ``key`` from revision ``rev_from`` on.

    ``copy`` counts repairs: a lost index entry is healed by a new copy under a new id.
    """
    return _uuid(["object", str(key), rev_from, copy])


def version_key(doc_id: uuid.UUID, version_hash: str) -> uuid.UUID:
    """The identity of one version of a document."""
    return _uuid(["version", str(doc_id), version_hash])


def embedding_key(model_identity_hash: str, embedding_input: str) -> str:
    """The cache key of one embedding: the model's whole identity and the exact input."""
    return sha256_json(["embedding", model_identity_hash, embedding_input])


def bucket_of(object_uuid: uuid.UUID) -> int:
    """A stable number from 0 to 1023, taken from the id."""
    return object_uuid.int % BUCKET_COUNT


def numbered_occurrences(content_hashes: Iterable[str]) -> list[tuple[str, int]]:
    """Each hash with how often it has occurred so far, from 1, in order."""
    seen: dict[str, int] = {}
    numbered = []
    for content_hash in content_hashes:
        seen[content_hash] = seen.get(content_hash, 0) + 1
        numbered.append((content_hash, seen[content_hash]))
    return numbered

"""From an extracted document to the objects that stand in the index. Pure functions of values."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from wellread.documents import Acl, Chunk, ChunkObject, Placement, VersionObject
from wellread.identities import (
    chunk_content_hash,
    chunk_key,
    embedding_key,
    numbered_occurrences,
    object_id,
    sha256_json,
    sha256_text,
    version_key,
)
from wellread.snapshots import OPEN

OPENING_WORDS = 200
Fields = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class ChunkSet:
    """What extraction made of one content: the artifact that everything after it works from."""

    text: str
    """The cleaned text that all spans refer to."""
    title: str | None
    language: str
    media_type: str
    page_count: int | None
    chunks: tuple[Chunk, ...]
    element_count: int
    encoding: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def opening(self) -> str:
        """The first words, by which a document is found when a question names it."""
        return " ".join(self.text[: OPENING_WORDS * 40].split()[:OPENING_WORDS])


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What is true of a document besides its content."""

    doc_id: uuid.UUID
    source_id: str
    tenant: str
    natural_key: str
    acl: Acl
    metadata: Fields
    fields: Fields
    modified_at: float


@dataclass(frozen=True, slots=True)
class DesiredChunk:
    """A chunk that should be visible, with its identity."""

    key: uuid.UUID
    payload_hash: str
    embedding_key: str
    ordinal: int
    chunk: Chunk


def shown_title(content_title: str | None, natural_key: str) -> str:
    """The title for people and for keyword search: from the content, else from the name. Never embedded."""
    if content_title:
        return content_title
    stem = PurePosixPath(natural_key.rstrip("/")).stem or natural_key
    return " ".join(stem.replace("_", " ").replace("-", " ").split()) or natural_key


def desired_chunks(content: ChunkSet, facts: DocumentFacts, model_hash: str) -> list[DesiredChunk]:
    """Every chunk of a document with key, payload hash and embedding key, in document order."""
    hashes = [
        chunk_content_hash(chunk.embedding_input, chunk.text, chunk.headings, chunk.language)
        for chunk in content.chunks
    ]
    title = shown_title(content.title, facts.natural_key)
    desired = []
    for ordinal, (chunk, (content_hash, occurrence)) in enumerate(
        zip(content.chunks, numbered_occurrences(hashes), strict=True)
    ):
        desired.append(
            DesiredChunk(
                key=chunk_key(facts.doc_id, content_hash, occurrence),
                payload_hash=chunk_payload_hash(chunk, title, facts.fields),
                embedding_key=embedding_key(model_hash, chunk.embedding_input),
                ordinal=ordinal,
                chunk=chunk,
            )
        )
    return desired


def chunk_payload_hash(chunk: Chunk | ChunkObject, title: str, fields: Fields) -> str:
    """What an audit compares of a chunk object."""
    payload = [chunk.text, chunk.repeated_chars, title, list(chunk.headings), chunk.language, chunk.kind]
    return sha256_json([*payload, dict(fields)])


def version_payload_hash(version: VersionObject, title: str) -> str:
    """What an audit compares of a version object."""
    payload = [version.natural_key, title, version.opening, dict(version.metadata), version.version_hash]
    positions = [[str(item.chunk_key), item.start_char, item.end_char, item.page] for item in version.placements]
    return sha256_json([*payload, positions])


def version_hash_of(content: ChunkSet, desired: Sequence[DesiredChunk], facts: DocumentFacts) -> str:
    """What a version of a document is: its text, arrangement and facts, but not the moment it was touched.

    Access is left out: it is patched on every version at once (``set_acl``) and opens none.
    """
    arrangement = [[item.payload_hash, item.chunk.start_char, item.chunk.end_char] for item in desired]
    text = [sha256_text(content.text), shown_title(content.title, facts.natural_key)]
    return sha256_json([text, arrangement, facts.natural_key, dict(facts.metadata), dict(facts.fields)])


def chunk_object(
    desired: DesiredChunk,
    facts: DocumentFacts,
    *,
    title: str,
    rev_from: int,
    rev_to: int = OPEN,
    copy: int = 1,
    vector: Sequence[float] | None,
) -> ChunkObject:
    """The index object of one chunk."""
    chunk = desired.chunk
    return ChunkObject(
        object_id=object_id(desired.key, rev_from, copy),
        chunk_key=desired.key,
        doc_id=facts.doc_id,
        source_id=facts.source_id,
        tenant=facts.tenant,
        acl=facts.acl,
        rev_from=rev_from,
        rev_to=rev_to,
        copy=copy,
        text=chunk.text,
        repeated_chars=chunk.repeated_chars,
        title=title,
        headings=chunk.headings,
        language=chunk.language,
        kind=chunk.kind,
        payload_hash=desired.payload_hash,
        vector=None if vector is None else tuple(vector),
        fields=facts.fields,
    )


def version_object(
    content: ChunkSet,
    facts: DocumentFacts,
    placements: Sequence[tuple[uuid.UUID, Chunk]],
    *,
    version_hash: str,
    rev_from: int,
    ingested_at: float,
    rev_to: int = OPEN,
    copy: int = 1,
) -> VersionObject:
    """The index object of one document version, with the arrangement of its chunks."""
    title = shown_title(content.title, facts.natural_key)
    placed = tuple(Placement(key, chunk.start_char, chunk.end_char, chunk.page) for key, chunk in placements)
    version = VersionObject(
        object_id=object_id(version_key(facts.doc_id, version_hash), rev_from, copy),
        doc_id=facts.doc_id,
        source_id=facts.source_id,
        tenant=facts.tenant,
        acl=facts.acl,
        rev_from=rev_from,
        rev_to=rev_to,
        copy=copy,
        natural_key=facts.natural_key,
        title=title,
        opening=content.opening,
        metadata=facts.metadata,
        version_hash=version_hash,
        modified_at=datetime.fromtimestamp(facts.modified_at, tz=UTC),
        ingested_at=datetime.fromtimestamp(ingested_at, tz=UTC),
        placements=placed,
        payload_hash="",
    )
    return replace(version, payload_hash=version_payload_hash(version, title))


def facts_as_dict(facts: DocumentFacts, *, version_hash: str, ingested_at: float) -> dict[str, object]:
    """What the reference row of a version keeps, so that the object can be made again."""
    return {
        "source_id": facts.source_id,
        "tenant": facts.tenant,
        "natural_key": facts.natural_key,
        "acl": list(facts.acl),
        "metadata": dict(facts.metadata),
        "fields": dict(facts.fields),
        "modified_at": facts.modified_at,
        "version_hash": version_hash,
        "ingested_at": ingested_at,
    }


def facts_from_dict(doc_id: uuid.UUID, value: Mapping[str, object]) -> DocumentFacts:
    """The inverse of :func:`facts_as_dict`."""
    acl, metadata, fields = value["acl"], value["metadata"], value["fields"]
    modified_at = value["modified_at"]
    assert isinstance(acl, list)
    assert isinstance(metadata, dict)
    assert isinstance(fields, dict)
    assert isinstance(modified_at, float)
    return DocumentFacts(
        doc_id,
        str(value["source_id"]),
        str(value["tenant"]),
        str(value["natural_key"]),
        tuple(acl),
        metadata,
        fields,
        modified_at,
    )

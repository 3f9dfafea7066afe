"""Values of this library as Weaviate properties, and back."""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wellread.documents import ChunkObject, Placement, VersionObject
from wellread.identities import bucket_of, canonical_json, sha256_text
from wellread.snapshots import Head, ModelIdentity, Projection, Snapshot
from wellread.stores.protocol import ObjectKind, SearchHit, StoredObject

if TYPE_CHECKING:
    from weaviate.collections.classes.internal import Object

PLACEMENTS_PER_PART = 1_000
"""Entries in one stored text of the arrangement."""

LONGEST_FIELD_CHARS = 256
"""A longer filter value is stored as its hash: equality still works, the index stays small."""

FieldValue = str | int | float | bool

STORED_PROPERTIES: Mapping[ObjectKind, Sequence[str]] = {
    "chunks": ("chunk_key", "doc_id", "source_id", "rev_from", "rev_to", "payload_hash", "acl"),
    "versions": ("doc_id", "source_id", "rev_from", "rev_to", "payload_hash", "acl"),
}

CONTENT_PROPERTIES: Mapping[ObjectKind, Sequence[str]] = {
    "chunks": (
        *STORED_PROPERTIES["chunks"],
        *("tenant", "copy", "fields", "bucket", "text", "title", "headings", "language", "kind", "repeated_chars"),
    ),
    "versions": (
        *STORED_PROPERTIES["versions"],
        *("tenant", "copy", "fields", "natural_key", "natural_key_words", "title", "opening", "body"),
        *("placements", "version_hash", "modified_at", "ingested_at"),
    ),
}

HIT_PROPERTIES = (
    "chunk_key",
    "doc_id",
    "source_id",
    "rev_from",
    "copy",
    "text",
    "repeated_chars",
    "title",
    "headings",
    "language",
    "kind",
)

READ_VERSION_PROPERTIES = (
    "doc_id",
    "source_id",
    "tenant",
    "acl",
    "rev_from",
    "rev_to",
    "copy",
    "title",
    "opening",
    "body",
    "placements",
    "version_hash",
    "modified_at",
    "ingested_at",
    "payload_hash",
)

_SURROGATES = re.compile("[\ud800-\udfff]")


def printable(text: str) -> str:
    """The text with lone surrogates replaced one by one: a single one would lose the whole request.

    The length stays the same, so character offsets still hold.
    """
    return _SURROGATES.sub("�", text)


def field_token(name: str, value: FieldValue) -> str:
    """One declared field as the text that is stored and compared, such as ``year=2020``.

    ``2020`` and ``2020.0`` are the same number; ``"2020"`` is a text and another value.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = canonical_json(value) if not isinstance(value, float) or math.isfinite(value) else str(value)
    if len(text) > LONGEST_FIELD_CHARS:
        text = f"sha256:{sha256_text(text)}"
    return printable(f"{name}={text}")


def _field_tokens(fields: Mapping[str, FieldValue]) -> list[str]:
    return [field_token(name, value) for name, value in sorted(fields.items())]


def chunk_properties(chunk: ChunkObject) -> dict[str, Any]:
    """The properties of a chunk object."""
    return {
        "chunk_key": str(chunk.chunk_key),
        "doc_id": str(chunk.doc_id),
        "source_id": printable(chunk.source_id),
        "tenant": printable(chunk.tenant),
        "acl": [printable(group) for group in chunk.acl],
        "fields": _field_tokens(chunk.fields),
        "rev_from": chunk.rev_from,
        "rev_to": chunk.rev_to,
        "bucket": bucket_of(chunk.object_id),
        "copy": chunk.copy,
        "text": printable(chunk.text),
        "title": printable(chunk.title),
        "headings": [printable(heading) for heading in chunk.headings],
        "language": printable(chunk.language),
        "kind": printable(chunk.kind),
        "repeated_chars": chunk.repeated_chars,
        "payload_hash": chunk.payload_hash,
    }


def version_properties(version: VersionObject) -> dict[str, Any]:
    """The properties of a version object. ``body`` keeps key and metadata exactly, escaped to ASCII."""
    body = {"natural_key": version.natural_key, "metadata": dict(version.metadata)}
    return {
        "doc_id": str(version.doc_id),
        "source_id": printable(version.source_id),
        "tenant": printable(version.tenant),
        "acl": [printable(group) for group in version.acl],
        "fields": _field_tokens(version.metadata),
        "rev_from": version.rev_from,
        "rev_to": version.rev_to,
        "copy": version.copy,
        "natural_key": printable(version.natural_key),
        "natural_key_words": printable(version.natural_key),
        "title": printable(version.title),
        "opening": printable(version.opening),
        "body": json.dumps(body, sort_keys=True),
        "placements": placement_parts(version.placements),
        "version_hash": version.version_hash,
        "modified_at": version.modified_at,
        "ingested_at": version.ingested_at,
        "payload_hash": version.payload_hash,
    }


def placement_parts(placements: Sequence[Placement]) -> list[str]:
    """The arrangement as texts of at most ``PLACEMENTS_PER_PART`` entries each, in order."""
    rows = [[str(item.chunk_key), item.start_char, item.end_char, item.page] for item in placements]
    return [
        canonical_json(rows[start : start + PLACEMENTS_PER_PART])
        for start in range(0, len(rows), PLACEMENTS_PER_PART)
    ]


def placements_from(parts: Sequence[str]) -> tuple[Placement, ...]:
    """The inverse of :func:`placement_parts`."""
    return tuple(
        Placement(chunk_key=_uuid_from(key), start_char=start, end_char=end, page=page)
        for part in parts
        for key, start, end, page in json.loads(part)
    )


def stored_object(found: Object[Any, Any], kind: ObjectKind) -> StoredObject:
    """What an audit sees of an object."""
    values = found.properties
    return StoredObject(
        object_id=_id_of(found),
        key=uuid.UUID(values["chunk_key" if kind == "chunks" else "doc_id"]),
        doc_id=uuid.UUID(values["doc_id"]),
        source_id=values["source_id"],
        rev_from=int(values["rev_from"]),
        rev_to=int(values["rev_to"]),
        payload_hash=values["payload_hash"],
        acl=tuple(values["acl"] or ()),
    )


def stored_content(found: Object[Any, Any], kind: ObjectKind) -> StoredObject:
    """The same with its content; damaged content is left out."""
    values = found.properties
    plain = stored_object(found, kind)
    try:
        content = _chunk_from(found) if kind == "chunks" else version_from(found)
        names = (values["bucket"],) if kind == "chunks" else (values["natural_key"], values["natural_key_words"])
        derived = (*(str(name) for name in names), *(values["fields"] or ()))
    except (KeyError, TypeError, ValueError):
        return plain
    return replace(plain, content=content, derived=derived)


def derived_of(item: ChunkObject | VersionObject) -> tuple[str, ...]:
    """What is stored beside the object's own values: see ``VectorStore.derived_of``."""
    if isinstance(item, ChunkObject):
        return (str(bucket_of(item.object_id)), *_field_tokens(item.fields))
    key = printable(item.natural_key)
    return (key, key, *_field_tokens(item.metadata))


def _chunk_from(found: Object[Any, Any]) -> ChunkObject:
    values = found.properties
    return ChunkObject(
        object_id=_id_of(found),
        chunk_key=_uuid_from(values["chunk_key"]),
        doc_id=_uuid_from(values["doc_id"]),
        source_id=values["source_id"],
        tenant=values["tenant"],
        acl=tuple(values["acl"] or ()),
        rev_from=int(values["rev_from"]),
        rev_to=int(values["rev_to"]),
        copy=int(values["copy"]),
        text=values["text"],
        repeated_chars=int(values["repeated_chars"]),
        title=values["title"],
        headings=tuple(values["headings"] or ()),
        language=values["language"],
        kind=values["kind"],
        payload_hash=values["payload_hash"],
    )


def search_hit(found: Object[Any, Any], score: float) -> SearchHit:
    """A chunk as a search returned it."""
    values = found.properties
    vector: Any = found.vector.get("default") if found.vector else None
    return SearchHit(
        object_id=_id_of(found),
        chunk_key=_uuid_from(values["chunk_key"]),
        doc_id=_uuid_from(values["doc_id"]),
        source_id=values["source_id"],
        rev_from=int(values["rev_from"]),
        text=values["text"],
        repeated_chars=int(values["repeated_chars"]),
        title=values["title"],
        headings=tuple(values["headings"] or ()),
        language=values["language"],
        kind=values["kind"],
        score=score,
        vector=tuple(vector) if vector else None,
    )


def version_from(found: Object[Any, Any]) -> VersionObject:
    """A document version as it was written."""
    values = found.properties
    body = json.loads(values["body"])
    return VersionObject(
        object_id=_id_of(found),
        doc_id=uuid.UUID(values["doc_id"]),
        source_id=values["source_id"],
        tenant=values["tenant"],
        acl=tuple(values["acl"] or ()),
        rev_from=int(values["rev_from"]),
        rev_to=int(values["rev_to"]),
        copy=int(values["copy"]),
        natural_key=body["natural_key"],
        title=values["title"],
        opening=values["opening"],
        metadata=body["metadata"],
        version_hash=values["version_hash"],
        modified_at=moment_of(values["modified_at"]),
        ingested_at=moment_of(values["ingested_at"]),
        placements=placements_from(values["placements"] or ()),
        payload_hash=values["payload_hash"],
    )


def moment_of(value: datetime | str) -> datetime:
    """A stored date, which the client gives as a moment or as ISO 8601."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _id_of(found: Object[Any, Any]) -> uuid.UUID:
    return uuid.UUID(int=found.uuid.int)


def _uuid_from(text: str) -> uuid.UUID:
    # A search reads hundreds of ids: from a number they are made in two thirds of the time.
    return uuid.UUID(int=int(text.replace("-", ""), 16))


def copy_of(found: Object[Any, Any]) -> int:
    """Which repair of its key and revision this object is."""
    return int(found.properties["copy"])


def head_body(head: Head) -> str:
    """A head as canonical text: equal heads are equal texts."""
    return canonical_json(
        {
            "seq": head.seq,
            "collection": head.projection.collection,
            "number": head.projection.number,
            "model": head.projection.model.as_dict(),
            "store_epoch": head.projection.store_epoch,
            "snapshot": head.snapshot.as_text(),
            "oldest_readable": head.oldest_readable,
            "denied": sorted(str(doc_id) for doc_id in head.denied),
            "denied_sources": sorted(head.denied_sources),
        }
    )


def head_from(body: str) -> Head:
    """The inverse of :func:`head_body`."""
    values = json.loads(body)
    projection = Projection(
        collection=values["collection"],
        number=values["number"],
        model=ModelIdentity(**values["model"]),
        store_epoch=values["store_epoch"],
    )
    return Head(
        seq=values["seq"],
        projection=projection,
        snapshot=Snapshot.from_text(values["snapshot"]),
        oldest_readable=values["oldest_readable"],
        denied=frozenset(uuid.UUID(doc_id) for doc_id in values["denied"]),
        denied_sources=frozenset(values["denied_sources"]),
    )

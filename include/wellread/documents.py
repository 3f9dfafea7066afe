"""The values that ingestion passes along: object > element > chunk > passage."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

ElementKind = Literal["title", "heading", "paragraph", "list_item", "table", "code", "caption", "page_furniture"]

Acl = tuple[str, ...]
"""Groups that may read, sorted. ``("*",)`` means everybody."""

EVERYBODY: Acl = ("*",)
NOBODY: Acl = ("!nobody",)
"""No source may name a group with ``!``: only a deployment without groups, which is trusted, sees these."""


@dataclass(frozen=True, slots=True)
class SourceObject:
    """One object in a listing, before its bytes were read."""

    natural_key: str
    """Canonical within its source, and what a person knows: relative POSIX path, S3 key, URL."""
    version_token: str | None
    """Equal tokens prove "unchanged"; different ones only say "look". ``None``: too fresh to trust."""
    size_bytes: int
    modified_at: datetime
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    acl: Acl = EVERYBODY
    access_problem: str | None = None
    """Why the source's word on who may read, and its metadata, cannot be read: ``acl`` then means nothing."""


@dataclass(frozen=True, slots=True)
class Element:
    """A typed piece of a parsed document, in reading order."""

    kind: ElementKind
    text: str
    """For a table: one line a row, cells joined by `` | ``."""
    page: int | None = None
    """1-based, where the format has pages."""
    level: int | None = None
    """Headings: 1 is the highest."""
    header_rows: int = 0
    """Tables: how many of the first lines are headers, to be repeated in each chunk."""


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What parsing found in the bytes of one document."""

    media_type: str
    """By content, not by name, such as ``application/pdf``."""
    elements: tuple[Element, ...]
    title: str | None = None
    """A title found in the content. Never a file name."""
    language: str = "und"
    """BCP 47, or ``und``."""
    encoding: str | None = None
    """Of text formats: what the bytes were decoded with."""
    page_count: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CleanedDocument:
    """A parsed document after cleaning: the text that all spans refer to."""

    text: str
    """The elements' texts joined by blank lines. Character offsets everywhere count in this text."""
    elements: tuple[Element, ...]
    spans: tuple[tuple[int, int], ...]
    """For each element its (start_char inclusive, end_char exclusive) in ``text``."""
    title: str | None
    language: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a document that is searched and cited as one."""

    text: str
    """What is stored and quoted: ``repeated`` (a table's header, else empty) + ``cleaned.text[start:end]``."""
    repeated_chars: int
    """How many leading characters of ``text`` are repeated from elsewhere and not part of the span."""
    start_char: int
    """Inclusive, 0-based, over ``CleanedDocument.text``."""
    end_char: int
    """Exclusive."""
    headings: tuple[str, ...]
    """The heading path, outermost first."""
    page: int | None
    """1-based page on which the chunk begins."""
    language: str
    embedding_input: str
    """The exact text that is embedded: title, heading path by setting, text. Never a file name."""
    kind: Literal["text", "table", "code"] = "text"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one chunk stands in one version of a document."""

    chunk_key: uuid.UUID
    start_char: int
    end_char: int
    page: int | None


@dataclass(frozen=True, slots=True)
class ChunkObject:
    """One write-once object of the chunk collection."""

    object_id: uuid.UUID
    chunk_key: uuid.UUID
    doc_id: uuid.UUID
    source_id: str
    tenant: str
    acl: Acl
    rev_from: int
    rev_to: int
    copy: int
    text: str
    repeated_chars: int
    title: str
    headings: tuple[str, ...]
    language: str
    kind: str
    payload_hash: str
    """SHA-256 over everything but ids, revisions and acl: what an audit compares."""
    vector: tuple[float, ...] | None = None
    fields: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Declared filter fields of the source."""


@dataclass(frozen=True, slots=True)
class VersionObject:
    """One write-once object of the version collection: a document at one revision, and its arrangement."""

    object_id: uuid.UUID
    doc_id: uuid.UUID
    source_id: str
    tenant: str
    acl: Acl
    rev_from: int
    rev_to: int
    copy: int
    natural_key: str
    title: str
    opening: str
    """The first 200 words, searched to find out which document a question names."""
    metadata: Mapping[str, str | int | float | bool]
    version_hash: str
    modified_at: datetime
    ingested_at: datetime
    placements: tuple[Placement, ...]
    payload_hash: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrieved chunk, with where it stands."""

    rank: int
    """From 1."""
    score: float
    """After fusion and second stages; comparable within one result list only."""
    text: str
    chunk_key: uuid.UUID
    doc_id: uuid.UUID
    document: str
    """The natural key that a person knows."""
    title: str
    headings: tuple[str, ...]
    page: int | None
    start_char: int
    end_char: int
    repeated_chars: int
    version_hash: str
    source_id: str = ""
    neighbour_of: int | None = None
    """The rank of the passage that this one was added beside; ``None`` for a hit of its own."""
    signals: Mapping[str, float] = field(default_factory=dict)
    """Parts of the score: ``fused``, ``cosine``, ``bm25``, ``proximity``, ``document_boost``, ``rerank``."""

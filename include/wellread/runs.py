"""The values of one ingestion run: what was planned, what became of each document, the balance sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, get_args

Outcome = Literal[
    "unchanged",
    "committed",
    "moved",
    "deleted",
    "held",
    "quarantined",
    "unsupported",
    "failed_transient",
    "pending",
    "gone",
]
"""The closed set of states: every document listed or known ends a run in exactly one.

``gone``: it was listed, but had vanished when its bytes were asked for.
"""

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

UNPAID_CAUSE = "budget"
"""The cause of a pending document that there was no money for."""

ActionKind = Literal["ingest", "move", "delete", "update"]
"""``update``: only metadata, access or title-independent facts changed; the chunks stay."""


@dataclass(frozen=True, slots=True)
class DocumentStatistics:
    """What quality rules look at: one row a document."""

    natural_key: str
    media_type: str
    outcome: str
    """``extracted``, ``quarantined``, ``unsupported``, ``failed_transient`` or ``gone``."""
    cause: str | None
    size_bytes: int
    text_chars: int
    replacement_chars: int
    """How many U+FFFD the text holds."""
    element_count: int
    chunk_count: int
    chunk_words_mean: float
    chunk_words_max: int
    page_count: int | None
    text_sha256: str
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class BalanceSheet:
    """What became of everything in one run. Printed by ``wellread ingest --json``."""

    source: str
    collection: str
    revision: int | None
    published: bool
    listed: int
    outcomes: Mapping[str, int]
    parsed: int
    chunks_inserted: int
    chunks_kept: int
    chunks_closed: int
    embeddings_computed: int
    embeddings_reused: int
    index_writes: int
    seconds: float
    peak_memory_bytes: int
    problems: tuple[Mapping[str, object], ...] = ()
    """Per troubled document: natural_key, outcome, stage, cause, detail."""
    holds: tuple[Mapping[str, object], ...] = ()
    notes: tuple[str, ...] = ()
    embedding_tokens: int = 0
    """As the provider billed them."""
    cost_usd: float | None = 0.0
    """What embedding cost; ``None``: the price is not known."""

    @classmethod
    def empty(cls, source: str, collection: str) -> BalanceSheet:
        """Of a run that found nothing to do and nothing to say."""
        return cls(
            source=source,
            collection=collection,
            revision=None,
            published=False,
            listed=0,
            outcomes={},
            parsed=0,
            chunks_inserted=0,
            chunks_kept=0,
            chunks_closed=0,
            embeddings_computed=0,
            embeddings_reused=0,
            index_writes=0,
            seconds=0.0,
            peak_memory_bytes=0,
        )

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> BalanceSheet:
        """The inverse of :meth:`as_dict`."""
        documents, chunks, embeddings = value["documents"], value["chunks"], value["embeddings"]
        return cls(
            source=value["source"],
            collection=value["collection"],
            revision=value["revision"],
            published=value["published"],
            listed=documents["listed"],
            outcomes={name: documents[name] for name in OUTCOMES if documents[name]},
            parsed=value["parsed"],
            chunks_inserted=chunks["inserted"],
            chunks_kept=chunks["kept"],
            chunks_closed=chunks["closed"],
            embeddings_computed=embeddings["computed"],
            embeddings_reused=embeddings["reused"],
            index_writes=value["index_writes"],
            seconds=value["seconds"],
            peak_memory_bytes=value["peak_memory_bytes"],
            problems=tuple(value["problems"]),
            holds=tuple(value["holds"]),
            notes=tuple(value["notes"]),
            embedding_tokens=embeddings.get("tokens", 0),
            cost_usd=value.get("cost_usd"),
        )

    def with_note(self, note: str) -> BalanceSheet:
        """The same sheet with one more note."""
        return replace(self, notes=(*self.notes, note))

    def as_dict(self) -> dict[str, object]:
        """The JSON that ``wellread ingest --json`` prints."""
        documents: dict[str, int] = {"listed": self.listed}
        documents.update({name: self.outcomes.get(name, 0) for name in OUTCOMES})
        return {
            "source": self.source,
            "collection": self.collection,
            "revision": self.revision,
            "published": self.published,
            "documents": documents,
            "parsed": self.parsed,
            "chunks": {
                "inserted": self.chunks_inserted,
                "kept": self.chunks_kept,
                "closed": self.chunks_closed,
            },
            "embeddings": {
                "computed": self.embeddings_computed,
                "reused": self.embeddings_reused,
                "tokens": self.embedding_tokens,
            },
            "cost_usd": self.cost_usd,
            "index_writes": self.index_writes,
            "seconds": round(self.seconds, 3),
            "peak_memory_bytes": self.peak_memory_bytes,
            "problems": [dict(problem) for problem in self.problems],
            "holds": [dict(hold) for hold in self.holds],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Where a source says who may read each of its documents."""

    read_from: Literal["sidecar", "tag", "metadata"]
    """``sidecar``: the file ``NAME.wellread.yaml`` beside the document ``NAME``. ``tag``, ``metadata``: of S3."""
    name: str = "acl"
    """Of the tag or the metadata field; its value is groups with spaces or commas between."""
    missing: Literal["default", "hide"] = "default"
    """A document without a list has the declaration's ``acl``, or is hidden from everybody."""
    unreadable: Literal["hide", "keep"] = "hide"
    """A list that cannot be read hides the document, or leaves who may read it as it was."""


@dataclass(frozen=True, slots=True)
class SourceDeclaration:
    """One YAML file: what to ingest, when, how."""

    id: str
    """Permanent: it is part of every document's identity."""
    kind: Literal["folder", "s3"]
    location: str
    """A folder path, or ``s3://bucket/prefix``."""
    collection: str = "Documents"
    tenant: str = "default"
    schedule: str | None = None
    include: tuple[str, ...] = ("**/*",)
    exclude: tuple[str, ...] = ()
    hidden_files: bool = False
    follow_symlinks: bool = False
    acl: tuple[str, ...] = ("*",)
    fields: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Constant filter fields put on every chunk of the source."""
    endpoint_url: str | None = None
    """S3 only: any S3-compatible endpoint."""
    connection_id: str | None = None
    """The Airflow connection with the credentials; without it the environment's."""
    profile: str = "default"
    description: str = ""
    owner: str = "wellread"
    declared_at: datetime | None = None
    on_failure: Literal["keep", "hide"] = "keep"
    """Where a document's newer version is quarantined: its last good version stays, or is hidden from readers."""
    access: AccessRules | None = None
    """Where each document's own access list is; ``None``: ``acl`` is that of all."""

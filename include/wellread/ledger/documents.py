"""What is known of each source's documents: live ones, quarantined ones, held deletions."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from wellread.documents import Acl
from wellread.errors import PolicyError, SettingsError
from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Ledger, Transaction
from wellread.ledger.schema import documents, holds, quarantine, sources
from wellread.ledger.upserts import insert_missing, replace
from wellread.runs import SourceDeclaration

_PAGE_ROWS = 5_000
HoldKind = Literal["deletion", "settings", "hiding"]
_LISTED_STATES = ("live", "hidden")


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """A document that is live, or hidden because its newer version failed."""

    doc_id: uuid.UUID
    natural_key: str
    version_token: str | None
    content_sha: str
    size_bytes: int
    facts_sha: str
    acl: Acl
    stage_signature: str
    chunks_ref: str
    version_hash: str
    title: str
    modified_at: float = 0.0
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """A document that could not be read, and why. Tried again when it, the code or the settings change."""

    natural_key: str
    outcome: str
    version_token: str | None
    content_sha: str
    stage_signature: str
    stage: str
    cause: str
    detail: Mapping[str, object]
    attempts: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class Known:
    """Everything known under one natural key."""

    natural_key: str
    document: KnownDocument | None
    """The live document."""
    quarantined: QuarantineRow | None
    hidden: KnownDocument | None = None
    """Its last good version, where that is hidden."""


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A deletion, a change of settings, or the hiding of a document, that waits for a person."""

    natural_key: str
    version_hash: str
    reason: str
    approved: bool
    created_at: float
    kind: HoldKind = "deletion"


def register_source(tx: Transaction, declaration: SourceDeclaration, *, may_move: bool) -> None:
    """Note a source at its first run; later runs must mean the same place.

    Raises ``SettingsError`` where the id is taken by another place or tenant, ``PolicyError`` where the source is
    held.
    """
    insert_missing(
        tx,
        sources,
        [
            {
                "collection": declaration.collection,
                "source_id": declaration.id,
                "tenant": declaration.tenant,
                "kind": declaration.kind,
                "location": declaration.location,
                "created_at": epoch_now(),
            }
        ],
    )
    same = (sources.c.collection == declaration.collection) & (sources.c.source_id == declaration.id)
    row = tx.execute(sa.select(sources).where(same)).one()
    if row.tenant != declaration.tenant or (row.location != declaration.location and not may_move):
        raise SettingsError(
            f"ingest {declaration.location} as the source {declaration.id!r}",
            found=f"this id belongs to {row.location} (tenant {row.tenant!r}) in this ledger",
            remedy="Declare the second place in a YAML file with an id of its own, or use another WELLREAD_HOME.",
        )
    if row.held_reason is not None:
        raise PolicyError(
            f"ingest the source {declaration.id!r}",
            found=f"it is held: {row.held_reason}",
            remedy=f"Mend the source, then run `wellread release {declaration.id}`.",
        )
    if row.location != declaration.location or row.retired_at is not None:
        values = {"location": declaration.location, "kind": declaration.kind, "retired_at": None}
        tx.execute(sa.update(sources).where(same).values(**values))


def list_sources(tx: Transaction, collection: str | None = None) -> list[Mapping[str, Any]]:
    """The sources that have ever run, with their numbers of live documents."""
    live = (
        sa.select(sa.func.count())
        .select_from(documents)
        .where(
            documents.c.collection == sources.c.collection,
            documents.c.source_id == sources.c.source_id,
            documents.c.state == "live",
        )
        .scalar_subquery()
    )
    query = sa.select(sources, live.label("documents")).order_by(sources.c.collection, sources.c.source_id)
    if collection is not None:
        query = query.where(sources.c.collection == collection)
    return [dict(row) for row in tx.execute(query).mappings()]


def stream_known(ledger: Ledger, collection: str, source_id: str) -> Iterator[Known]:
    """All that is known of a source, sorted by the key's bytes, page by page."""
    live = _stream_documents(ledger, collection, source_id)
    troubled = _stream_quarantine(ledger, collection, source_id)
    document, row = next(live, None), next(troubled, None)
    while document is not None or row is not None:
        keys = [item.natural_key for item in (document, row) if item is not None]
        key = min(keys, key=key_bytes)
        has_document = document is not None and document.natural_key == key
        has_row = row is not None and row.natural_key == key
        yield _known_as(key, document if has_document else None, row if has_row else None)
        document = next(live, None) if has_document else document
        row = next(troubled, None) if has_row else row


def _known_as(key: str, document: KnownDocument | None, row: QuarantineRow | None) -> Known:
    if document is not None and document.is_hidden:
        return Known(key, None, row, document)
    return Known(key, document, row)


def key_bytes(natural_key: str) -> bytes:
    """The order of listings and of the ledger."""
    return natural_key.encode("utf-8", "surrogateescape")


def _pages(ledger: Ledger, table: sa.Table, where: sa.ColumnElement[bool]) -> Iterator[sa.Row[Any]]:
    last: str | None = None
    while True:
        query = sa.select(table).where(where).order_by(table.c.natural_key).limit(_PAGE_ROWS)
        if last is not None:
            query = query.where(table.c.natural_key > last)
        with ledger.reading() as reading:
            rows = reading.execute(query).all()
        yield from rows
        if len(rows) < _PAGE_ROWS:
            return
        last = rows[-1].natural_key


def _stream_documents(ledger: Ledger, collection: str, source_id: str) -> Iterator[KnownDocument]:
    where = sa.and_(
        documents.c.collection == collection,
        documents.c.source_id == source_id,
        documents.c.state.in_(_LISTED_STATES),
    )
    for row in _pages(ledger, documents, where):
        yield _known(row)


def _stream_quarantine(ledger: Ledger, collection: str, source_id: str) -> Iterator[QuarantineRow]:
    where = sa.and_(quarantine.c.collection == collection, quarantine.c.source_id == source_id)
    for row in _pages(ledger, quarantine, where):
        yield _quarantined(row)


def _known(row: sa.Row[Any]) -> KnownDocument:
    return KnownDocument(
        row.doc_id,
        row.natural_key,
        row.version_token,
        row.content_sha,
        row.size_bytes,
        row.facts_sha,
        tuple(row.acl),
        row.stage_signature,
        row.chunks_ref,
        row.version_hash,
        row.title,
        row.modified_at,
        row.state == "hidden",
    )


def _quarantined(row: sa.Row[Any]) -> QuarantineRow:
    return QuarantineRow(
        row.natural_key,
        row.outcome,
        row.version_token,
        row.content_sha,
        row.stage_signature,
        row.stage,
        row.cause,
        row.detail,
        row.attempts,
        row.first_at,
        row.last_at,
    )


def live_documents(
    tx: Transaction, collection: str, doc_ids: Sequence[uuid.UUID], *, with_hidden: bool = False
) -> dict[uuid.UUID, KnownDocument]:
    """Live documents by id (hidden ones where asked for); others are left out."""
    found: dict[uuid.UUID, KnownDocument] = {}
    for start in range(0, len(doc_ids), 500):
        query = sa.select(documents).where(
            documents.c.collection == collection,
            documents.c.doc_id.in_(doc_ids[start : start + 500]),
            documents.c.state.in_(_LISTED_STATES if with_hidden else ("live",)),
        )
        found.update({row.doc_id: _known(row) for row in tx.execute(query)})
    return found


def count_live(tx: Transaction, collection: str, source_id: str) -> int:
    """How many documents of the source are live."""
    query = sa.select(sa.func.count()).where(
        documents.c.collection == collection, documents.c.source_id == source_id, documents.c.state == "live"
    )
    return int(tx.execute(query).scalar_one())


def deleted_since(tx: Transaction, collection: str, source_id: str, *, seconds: float) -> int:
    """How many documents were deleted or hidden within the last ``seconds``: instalments count together."""
    query = sa.select(sa.func.count()).where(
        documents.c.collection == collection,
        documents.c.source_id == source_id,
        documents.c.state.in_(("deleted", "hidden")),
        documents.c.changed_at > epoch_now() - seconds,
    )
    return int(tx.execute(query).scalar_one())


def write_documents(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert or overwrite document rows: part of publication."""
    replace(tx, documents, rows)


def mark_deleted(
    tx: Transaction, collection: str, doc_ids: Sequence[uuid.UUID], revision: int, *, moved: bool
) -> None:
    """Take documents out of the living. A moved one does not count as a deletion of the last 24 hours."""
    for start in range(0, len(doc_ids), 500):
        tx.execute(
            sa.update(documents)
            .where(documents.c.collection == collection, documents.c.doc_id.in_(doc_ids[start : start + 500]))
            .values(state="moved" if moved else "deleted", revision=revision, changed_at=epoch_now())
        )


def remember_token(tx: Transaction, collection: str, tokens: Mapping[uuid.UUID, str | None]) -> None:
    """The bytes were looked at and are the same: next time the token alone proves it."""
    for doc_id, token in tokens.items():
        tx.execute(
            sa.update(documents)
            .where(documents.c.collection == collection, documents.c.doc_id == doc_id)
            .values(version_token=token)
        )


# -- holds ----------------------------------------------------------------------------------------------


def list_holds(tx: Transaction, collection: str, source_id: str | None = None) -> dict[tuple[str, str], HoldRow]:
    """Held deletions and settings changes by (source id, natural key)."""
    query = sa.select(holds).where(holds.c.collection == collection)
    if source_id is not None:
        query = query.where(holds.c.source_id == source_id)
    return {
        (row.source_id, row.natural_key): HoldRow(
            row.natural_key, row.version_hash, row.reason, row.approved, row.created_at, row.kind
        )
        for row in tx.execute(query)
    }


def hold(
    tx: Transaction,
    collection: str,
    source_id: str,
    versions: Mapping[str, str],
    reason: str,
    *,
    kind: HoldKind = "deletion",
) -> None:
    """Hold natural key -> version, once each; a hold of another version or kind is replaced.

    The version of a held settings change is the stage signature that the document would get.
    """
    known = list_holds(tx, collection, source_id)
    fresh = [
        key
        for key, version in versions.items()
        if (row := known.get((source_id, key))) is None or (row.version_hash, row.kind) != (version, kind)
    ]
    _delete_keys(tx, holds, collection, source_id, fresh)
    insert_missing(
        tx,
        holds,
        [
            {
                "collection": collection,
                "source_id": source_id,
                "natural_key": key,
                "version_hash": versions[key],
                "kind": kind,
                "reason": reason,
                "approved": False,
                "created_at": epoch_now(),
            }
            for key in fresh
        ],
    )


def approve_holds(tx: Transaction, collection: str, source_id: str, natural_keys: Sequence[str] | None) -> int:
    """Release what is held (all of the source, or these); the next run takes a second look and applies it."""
    query = sa.update(holds).where(
        holds.c.collection == collection, holds.c.source_id == source_id, holds.c.approved.is_(False)
    )
    if natural_keys is not None:
        query = query.where(holds.c.natural_key.in_(natural_keys))
    return tx.execute(query.values(approved=True, approved_at=epoch_now())).rowcount


def drop_holds(tx: Transaction, collection: str, source_id: str, natural_keys: Sequence[str]) -> None:
    """A hold lapses when its document returns or changes, and ends when it was applied."""
    _delete_keys(tx, holds, collection, source_id, natural_keys)


def _delete_keys(
    tx: Transaction, table: sa.Table, collection: str, source_id: str, natural_keys: Sequence[str]
) -> None:
    for start in range(0, len(natural_keys), 500):
        tx.execute(
            sa.delete(table).where(
                table.c.collection == collection,
                table.c.source_id == source_id,
                table.c.natural_key.in_(natural_keys[start : start + 500]),
            )
        )

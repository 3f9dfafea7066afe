"""Purges: what is removed for ever, what of it is left, and which documents are held off."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Ledger, Transaction, translated_errors
from wellread.ledger.purge_schema import document_artifacts, purges
from wellread.ledger.schema import (
    denied,
    documents,
    extractions,
    holds,
    objects,
    quarantine,
    staged,
    terms,
    vectors,
)
from wellread.ledger.upserts import insert_missing, replace

_PER_STATEMENT = 500


def link_artifacts(tx: Transaction, collection: str, links: Iterable[tuple[uuid.UUID, str]]) -> None:
    """These artifacts (by reference) hold text of these documents, or will: written before the artifacts."""
    rows = [{"collection": collection, "doc_id": doc_id, "reference": reference} for doc_id, reference in links]
    insert_missing(tx, document_artifacts, rows)


def linked_artifacts(tx: Transaction, collection: str, doc_ids: Sequence[uuid.UUID]) -> set[str]:
    """References of the artifacts that hold text of these documents."""
    query = sa.select(document_artifacts.c.reference).where(
        document_artifacts.c.collection == collection, document_artifacts.c.doc_id.in_(doc_ids)
    )
    return set(tx.execute(query).scalars())


def chunk_references(tx: Transaction, collection: str, doc_ids: Sequence[uuid.UUID]) -> set[str]:
    """The artifacts that the documents' rows name."""
    query = sa.select(documents.c.chunks_ref).where(
        documents.c.collection == collection, documents.c.doc_id.in_(doc_ids)
    )
    return set(tx.execute(query).scalars())


def hold_links(tx: Transaction) -> None:
    """Nobody links an artifact before ``tx`` ends. On SQLite that is so of every transaction that writes."""
    if tx.dialect.name != "sqlite":
        tx.execute(sa.text(f"LOCK TABLE {document_artifacts.name} IN SHARE ROW EXCLUSIVE MODE"))


def unlink_artifacts(tx: Transaction, references: Sequence[str]) -> None:
    """The artifacts are to be deleted: nothing holds text in them any more."""
    for part in _parts(references):
        tx.execute(sa.delete(document_artifacts).where(document_artifacts.c.reference.in_(part)))


def shared_artifacts(
    tx: Transaction,
    collection: str,
    doc_ids: Sequence[uuid.UUID],
    references: Iterable[str],
    *,
    former: Sequence[uuid.UUID] = (),
) -> set[str]:
    """Those that another document needs: a live one, one in quarantine, or one with objects in an index.

    ``former``: ids that the document shared with others. Their links say nothing, their objects do.
    """
    linking = [*doc_ids, *former]
    needed = sa.union(
        sa.select(documents.c.doc_id).where(
            documents.c.collection == collection, documents.c.state.in_(("live", "hidden"))
        ),
        sa.select(staged.c.doc_id).where(staged.c.collection == collection),
    )
    links = document_artifacts
    shared: set[str] = set()
    for part in _parts(sorted(references)):
        for query in (
            # Of other collections no more is asked than whether they link it: their documents are not this one.
            sa.select(links.c.reference).where(
                links.c.reference.in_(part),
                sa.or_(
                    links.c.collection != collection,
                    sa.and_(links.c.doc_id.not_in(linking), links.c.doc_id.in_(needed)),
                ),
            ),
            sa.select(objects.c.reference).where(
                objects.c.reference.in_(part),
                sa.or_(objects.c.collection != collection, objects.c.doc_id.not_in(doc_ids)),
            ),
            # The rows of the purged document are gone by now.
            sa.select(quarantine.c.payload_ref).where(quarantine.c.payload_ref.in_(part)),
        ):
            shared.update(tx.execute(query).scalars())
    return shared


def find_purge(tx: Transaction, collection: str, source_id: str, natural_key: str) -> Mapping[str, Any] | None:
    """The purge of a document, or ``None``."""
    row = tx.execute(sa.select(purges).where(_same(collection, source_id, natural_key))).mappings().one_or_none()
    return None if row is None else dict(row)


def purges_named(tx: Transaction, collection: str, name: str) -> list[Mapping[str, Any]]:
    """Purges of documents of this natural key, of every source."""
    query = sa.select(purges).where(purges.c.collection == collection, purges.c.natural_key == name)
    return [dict(row) for row in tx.execute(query).mappings()]


def purged_keys(tx: Transaction, collection: str, source_id: str) -> frozenset[str]:
    """Natural keys that no run of the source may bring back."""
    query = sa.select(purges.c.natural_key).where(
        purges.c.collection == collection, purges.c.source_id == source_id
    )
    return frozenset(tx.execute(query).scalars())


def start_purge(
    tx: Transaction,
    collection: str,
    source_id: str,
    natural_key: str,
    *,
    doc_ids: Sequence[uuid.UUID],
    reason: str,
) -> None:
    """Hold the document off and withdraw all its ids, its own first; the caller appends a head.

    A purge that was begun keeps its work.
    """
    row = {
        "collection": collection,
        "source_id": source_id,
        "natural_key": natural_key,
        "doc_id": doc_ids[0],
        "state": "purging",
        "reason": reason,
        "work": {},
        "started_at": epoch_now(),
    }
    insert_missing(tx, purges, [row])
    tx.execute(
        sa.update(purges).where(_same(collection, source_id, natural_key)).values(state="purging", reason=reason)
    )
    withdrawn = [
        {
            "collection": collection,
            "kind": "document",
            "value": str(doc_id),
            "reason": "purge",
            "since": epoch_now(),
        }
        for doc_id in doc_ids
    ]
    replace(tx, denied, withdrawn)  # another reason, such as changed access, would end before the purge does


def save_work(
    tx: Transaction, collection: str, source_id: str, natural_key: str, work: Mapping[str, object]
) -> None:
    """What is to be removed: committed before the first thing of it is."""
    tx.execute(sa.update(purges).where(_same(collection, source_id, natural_key)).values(work=dict(work)))


def finish_purge(
    tx: Transaction,
    collection: str,
    source_id: str,
    natural_key: str,
    *,
    doc_ids: Sequence[uuid.UUID],
    receipt_ref: str,
) -> None:
    """Nothing is left: the withdrawal ends, holding off does not. The caller appends a head."""
    tx.execute(
        sa.update(purges)
        .where(_same(collection, source_id, natural_key))
        .values(state="purged", work={}, receipt_ref=receipt_ref, finished_at=epoch_now())
    )
    tx.execute(
        sa.delete(denied).where(
            denied.c.collection == collection,
            denied.c.kind == "document",
            denied.c.reason == "purge",  # one of its former names may be withdrawn for a reason of its own
            denied.c.value.in_([str(one) for one in doc_ids]),
        )
    )


def readmit(tx: Transaction, collection: str, source_id: str, natural_key: str) -> bool:
    """Let runs take the document again; returns whether a finished purge was holding it off."""
    where = sa.and_(_same(collection, source_id, natural_key), purges.c.state == "purged")
    return tx.execute(sa.delete(purges).where(where)).rowcount == 1


def former_ids(tx: Transaction, collection: str, source_id: str, doc_id: uuid.UUID) -> list[uuid.UUID]:
    """Ids that the document's present content had before it moved."""
    now = sa.select(documents.c.content_sha).where(
        documents.c.collection == collection, documents.c.doc_id == doc_id
    )
    query = sa.select(documents.c.doc_id).where(
        documents.c.collection == collection,
        documents.c.source_id == source_id,
        documents.c.state == "moved",
        documents.c.doc_id != doc_id,
        documents.c.content_sha.in_(now),
    )
    return list(tx.execute(query).scalars())


def forget_document(
    tx: Transaction, collection: str, source_id: str, natural_key: str, doc_ids: Sequence[uuid.UUID]
) -> None:
    """Remove every row of the document but those of its objects, which go with the objects."""
    for table in (documents, staged, document_artifacts):
        tx.execute(sa.delete(table).where(table.c.collection == collection, table.c.doc_id.in_(doc_ids)))
    for keyed in (quarantine, holds):
        tx.execute(
            sa.delete(keyed).where(
                keyed.c.collection == collection,
                keyed.c.source_id == source_id,
                keyed.c.natural_key == natural_key,
            )
        )
    # A stem that no chunk has any more is a word of the document.
    tx.execute(sa.delete(terms).where(terms.c.collection == collection, terms.c.chunks <= 0))


def forget_extractions(tx: Transaction, references: Sequence[str]) -> int:
    """Remove the memos of artifacts that go; returns how many."""
    return sum(
        tx.execute(sa.delete(extractions).where(extractions.c.reference.in_(part))).rowcount
        for part in _parts(references)
    )


def forget_vectors(tx: Transaction, embedding_keys: Sequence[str]) -> int:
    """Remove the vectors that no object of any collection uses; returns how many."""
    used = sa.select(objects.c.embedding_key).where(objects.c.embedding_key.is_not(None))
    return sum(
        tx.execute(
            sa.delete(vectors).where(
                vectors.c.embedding_key.in_(part),
                vectors.c.embedding_key.not_in(used.where(objects.c.embedding_key.in_(part))),
            )
        ).rowcount
        for part in _parts(embedding_keys)
    )


def scrub(ledger: Ledger) -> str | None:
    """Overwrite what deleted rows left in SQLite's files; what stays behind comes back as a sentence.

    Raises ``TransientError`` while another connection stands in the way.
    """
    if ledger.engine.dialect.name != "sqlite":
        return "dead rows and the write-ahead log of PostgreSQL, until its vacuum and its archive let go of them"
    with translated_errors("scrub the ledger"):
        connection = ledger.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("VACUUM")
            busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            cursor.close()
        finally:
            connection.close()
    return "the ledger's write-ahead log: a reader held it open" if busy else None


def _same(collection: str, source_id: str, natural_key: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        purges.c.collection == collection,
        purges.c.source_id == source_id,
        purges.c.natural_key == natural_key,
    )


def _parts(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[start : start + _PER_STATEMENT] for start in range(0, len(values), _PER_STATEMENT)]

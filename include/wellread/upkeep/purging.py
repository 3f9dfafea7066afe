"""Purge: remove the text of a document for ever, and leave a receipt without any of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wellread.artifacts.codec import put_json
from wellread.errors import SettingsError
from wellread.identities import document_id
from wellread.indexing.heads import flush_heads, known_projection
from wellread.indexing.loading import delete_rows
from wellread.indexing.parts import Parts
from wellread.indexing.publishing import term_differences
from wellread.indexing.recovering import abandon_open, clean_abandoned
from wellread.indexing.same_history import require_belonging
from wellread.ledger import document_rows, explanations, purges, revisions, term_counts
from wellread.ledger import objects as ledger_objects
from wellread.upkeep.former_names import PurgeTarget, history_of
from wellread.upkeep.purge_answers import ForgetCached, forget_answers, take_inventory_of_answers
from wellread.upkeep.purge_inventory import (
    Inventory,
    copies,
    quality_reports_that_name,
    rewrite_records,
    rows_of,
    take_inventory,
)
from wellread.upkeep.purge_search import search_artifacts
from wellread.upkeep.source_leases import HeldLease, source_lease

_NEVER_REACHED = (
    "backups of the ledger, the artifacts and the index",
    "answer files and tables that jobs have written, and results that Airflow tasks handed on",
    "logs and caches of model providers",
    "logs of Wellread's own processes: they name documents, and an error may quote some words",
    "earlier object versions in S3",
    "segments on Weaviate's disk, until it compacts them",
)
_ARTIFACTS_AT_ONCE = 20
"""Deleted in one transaction, which nobody may link artifacts beside."""
_UNLINKED = "artifacts that a version before this ledger's sixth migration kept of it: `--deep` reads them all"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a purge came to."""

    target: PurgeTarget
    reason: str
    removed: Mapping[str, int]
    kept_artifacts: tuple[str, ...]
    """Shared with other documents, which still need them."""
    unreached: tuple[str, ...]
    reference: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The JSON that ``wellread purge --json`` prints. It holds no text of the document."""
        return {
            "document": self.target.natural_key,
            "source": self.target.source_id,
            "collection": self.target.collection,
            "doc_ids": [str(doc_id) for doc_id in self.target.doc_ids],
            "former_names": list(self.target.former_keys),
            "reason": self.reason,
            "removed": dict(sorted(self.removed.items())),
            "kept_artifacts": list(self.kept_artifacts),
            "unreached": list(self.unreached),
            "receipt": self.reference,
        }


def find_target(parts: Parts, collection: str, name: str, *, source_id: str | None = None) -> PurgeTarget:
    """The document of this name, live, deleted, quarantined or half purged.

    Raises ``SettingsError`` where no source knows it, or several do, and as :func:`require_belonging`.
    """
    require_belonging(parts, collection, asked=f"purge {name!r} from {collection!r}")
    with parts.ledger.reading() as reading:
        known = {(row["source_id"], row["natural_key"]) for row in purges.purges_named(reading, collection, name)}
        for rows in (
            explanations.find_document_rows(reading, collection, name),
            explanations.find_quarantine_rows(reading, collection, name),
        ):
            known |= {(row["source_id"], row["natural_key"]) for row in rows}
        known = {item for item in known if source_id in (None, item[0])}
        if len(known) != 1:
            names = ", ".join(sorted(item[0] for item in known))
            raise SettingsError(
                f"purge {name!r} from {collection!r}",
                found=f"the sources {names} have one of this name" if known else "no source knows it",
                remedy="Say which with --source; names are as the source lists them (see `wellread explain`).",
            )
        ((owner, natural_key),) = known
        tenant = explanations.find_source_rows(reading, collection, owner)[0]["tenant"]
        doc_id = document_id(tenant, owner, natural_key)
        same = purges.former_ids(reading, collection, owner, doc_id)
    history = history_of(parts, collection, owner, tenant, natural_key)
    doc_ids = tuple(dict.fromkeys((doc_id, *history.whole, *same)))
    former = {key: name for key, name in history.former.items() if key not in doc_ids}
    return PurgeTarget(collection, owner, natural_key, doc_ids, former, history.notes, history.names)


def survey(parts: Parts, target: PurgeTarget) -> Mapping[str, int]:
    """What a purge would remove, by name. Nothing is changed."""
    found = Inventory({str(doc_id) for doc_id in target.doc_ids})
    take_inventory(parts, target, found)
    take_inventory_of_answers(parts, found)
    return {**found.counts, "artifacts": len(found.references)}


def purge(
    parts: Parts,
    target: PurgeTarget,
    *,
    reason: str,
    forget_cached: ForgetCached,
    unreached: tuple[str, ...] = (),
    deep: bool = False,
) -> Receipt:
    """Withdraw the document at once, then remove everything of it. Killed at any step, it is repeated.

    ``deep``: read every artifact, and remove those with its text that no row links to it.

    Raises ``LeaseHeldError`` while a run of its source, or a question job with its text, is at work; it is
    withdrawn by then.
    """
    known_projection(parts, target.collection)
    with parts.ledger.transaction() as tx:
        revisions.locked_collection(tx, target.collection)
        purges.start_purge(
            tx, target.collection, target.source_id, target.natural_key, doc_ids=target.doc_ids, reason=reason
        )
        revisions.append_head(tx, target.collection)
    flush_heads(parts, target.collection)
    with source_lease(parts, target.collection, target.source_id, purpose="purge") as held:
        found = _noted(parts, target, held, deep=deep)
        _forget_rows(parts, target, found, held)
        _delete_objects(parts, target, found, held)
        rewrite_records(parts, target, found)
        forget_answers(parts, found, forget_cached)
        kept = _delete_artifacts(parts, target, found, held)
        left = purges.scrub(parts.ledger)
        places = [*unreached, *target.notes, *sorted(found.unreached), *_NEVER_REACHED]
        places += [place for place in (left, None if deep else _UNLINKED) if place is not None]
        return _finish(parts, target, Receipt(target, reason, dict(found.counts), kept, tuple(places)), found)


def _noted(parts: Parts, target: PurgeTarget, held: HeldLease, *, deep: bool) -> Inventory:
    """The inventory, in the ledger before anything of it is removed."""
    abandon_open(parts, target.collection, target.source_id, fence=held.fence)
    with parts.ledger.reading() as reading:
        live = revisions.live_projection(reading, target.collection)
    clean_abandoned(parts, live, target.source_id, fence=held.fence)
    with parts.ledger.reading() as reading:
        row = purges.find_purge(reading, target.collection, target.source_id, target.natural_key)
    found = Inventory({str(doc_id) for doc_id in target.doc_ids})
    found.add({} if row is None else row["work"])
    # Between two tries another document may have come under a name that an earlier one freed.
    found.doc_ids -= {str(doc_id) for doc_id in target.former}
    take_inventory(parts, target, found)
    take_inventory_of_answers(parts, found)
    found.unreached |= quality_reports_that_name(parts, target)
    if deep:
        search_artifacts(parts, found)
    with parts.ledger.transaction() as tx:
        held.fence.hold(tx)
        purges.save_work(tx, target.collection, target.source_id, target.natural_key, found.as_dict())
    return found


def _forget_rows(parts: Parts, target: PurgeTarget, found: Inventory, held: HeldLease) -> None:
    """One transaction: the terms of its visible chunks are subtracted exactly when its row goes."""
    with parts.ledger.reading() as reading:
        projection = revisions.live_projection(reading, target.collection)
        live = document_rows.live_rows(reading, target.collection, found.ids())
        shown = ledger_objects.open_objects(reading, projection, list(live), closing_revision=-1)
    rows = [row for items in shown.values() for row in items]
    differences, chunks = term_differences(parts, (), rows)
    with parts.ledger.transaction() as tx:
        held.fence.hold(tx)
        revisions.locked_collection(tx, target.collection)
        term_counts.add_terms(tx, target.collection, chunks=chunks, differences=differences)
        purges.forget_document(tx, target.collection, target.source_id, target.natural_key, found.ids())


def _delete_objects(parts: Parts, target: PurgeTarget, found: Inventory, held: HeldLease) -> None:
    for projection in copies(parts, target.collection):
        rows = rows_of(parts, target, found, projection)
        delete_rows(parts, projection, rows, fence=held.fence)
    with parts.ledger.transaction() as tx:
        found.count("vectors", purges.forget_vectors(tx, sorted(found.embedding_keys)))


def _delete_artifacts(parts: Parts, target: PurgeTarget, found: Inventory, held: HeldLease) -> tuple[str, ...]:
    """Delete what only this document needs; the references of the others come back.

    While nobody can link them: a document that links one afterwards finds it gone, and writes it again.
    """
    references, kept = sorted(found.references), set[str]()
    memos = 0
    for start in range(0, len(references), _ARTIFACTS_AT_ONCE):
        held.fence()
        with parts.ledger.transaction() as tx:
            held.fence.hold(tx)
            purges.hold_links(tx)
            part = references[start : start + _ARTIFACTS_AT_ONCE]
            shared = purges.shared_artifacts(tx, target.collection, found.ids(), part, former=list(target.former))
            gone = [reference for reference in part if reference not in shared]
            purges.unlink_artifacts(tx, gone)
            memos += purges.forget_extractions(tx, gone)
            for reference in gone:
                parts.artifacts.delete(reference)
        kept |= shared
    found.count("extraction_memos", memos)
    found.count("artifacts", len(references) - len(kept))
    return tuple(sorted(kept))


def _finish(parts: Parts, target: PurgeTarget, receipt: Receipt, found: Inventory) -> Receipt:
    reference = put_json(parts.artifacts, "receipts", receipt.as_dict())
    with parts.ledger.transaction() as tx:
        revisions.locked_collection(tx, target.collection)
        purges.finish_purge(
            tx,
            target.collection,
            target.source_id,
            target.natural_key,
            doc_ids=found.all_ids(),
            receipt_ref=reference,
        )
        revisions.append_head(tx, target.collection)
    flush_heads(parts, target.collection)
    return Receipt(target, receipt.reason, receipt.removed, receipt.kept_artifacts, receipt.unreached, reference)

"""Why a document is, or is not, in the index: everything that ledger, store and source say of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from wellread.artifacts.codec import get_json
from wellread.artifacts.protocol import ArtifactStore
from wellread.errors import WellreadError
from wellread.identities import document_id
from wellread.ledger import explanations, revisions
from wellread.ledger import objects as ledger_objects
from wellread.ledger.database import Ledger, Transaction
from wellread.ledger.objects import ObjectRow
from wellread.snapshots import Head, Projection, Snapshot
from wellread.stores.protocol import ObjectKind, VectorStore
from wellread.upkeep.undoing import RETIREMENT
from wellread.upkeep.verdicts import Facts, verdict_of

_RUNS = 5
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """What the source itself says of a natural key now."""

    is_listed: bool | None
    """``None``: nobody could look."""
    version_token: str | None = None
    problem: str | None = None


Look = Callable[[Row, str], Listed]
"""Asks a source (its row in the ledger) for a natural key."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One document of one source, as ``wellread explain --json`` prints it."""

    source_id: str
    natural_key: str
    doc_id: uuid.UUID
    is_visible: bool
    why: str
    to_do: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """As JSON."""
        return {
            "source": self.source_id,
            "document": self.natural_key,
            "doc_id": str(self.doc_id),
            "visible": self.is_visible,
            "why": self.why,
            "to_do": self.to_do,
            **self.details,
        }


@dataclass(frozen=True, slots=True)
class Explained:
    """Everything that was found under one name."""

    collection: str
    name: str
    snapshot: Snapshot
    head: Head | None
    store_problem: str | None
    explanations: tuple[Explanation, ...]
    similar: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The JSON that ``wellread explain --json`` prints."""
        head = None if self.head is None else {"seq": self.head.seq, "snapshot": self.head.snapshot.as_text()}
        return {
            "collection": self.collection,
            "document": self.name,
            "snapshot": self.snapshot.as_text(),
            "head": head,
            "store_problem": self.store_problem,
            "explanations": [item.as_dict() for item in self.explanations],
            "similar": list(self.similar),
        }


@dataclass(frozen=True, slots=True)
class Explainer:
    """Reads one deployment; writes nothing. A store that does not answer is said, and hides nothing else."""

    ledger: Ledger
    artifacts: ArtifactStore
    open_store: Callable[[], VectorStore]
    look: Look

    def explain(self, collection: str, name: str, *, source_id: str | None = None) -> Explained:
        """Every document that is known, or listed now, under this natural key (or id)."""
        head, problem = self._head(collection)
        with self.ledger.reading() as reading:
            snapshot = revisions.current_snapshot(reading, collection)
            rows = explanations.find_document_rows(reading, collection, name)
            gone = explanations.find_purge_rows(reading, collection, name)
            found = explanations.find_source_rows(reading, collection, source_id)
        explained = []
        for source in found:
            known = next((row for row in rows if row["source_id"] == source["source_id"]), None)
            named = known or next((row for row in gone if row["source_id"] == source["source_id"]), None)
            key = name if named is None else str(named["natural_key"])
            item = self._explain_one(collection, source, key, known, head, snapshot)
            if item is not None:
                explained.append(item)
        similar: list[str] = []
        if not explained:
            with self.ledger.reading() as reading:
                similar = explanations.similar_keys(reading, collection, name)
        return Explained(collection, name, snapshot, head, problem, tuple(explained), tuple(similar))

    def _head(self, collection: str) -> tuple[Head | None, str | None]:
        try:
            head = self.open_store().read_head(collection)
        except WellreadError as error:
            return None, error.found
        return head, None if head is not None else "the store holds no head of this collection"

    def _explain_one(
        self, collection: str, source: Row, key: str, known: Row | None, head: Head | None, snapshot: Snapshot
    ) -> Explanation | None:
        source_id = str(source["source_id"])
        doc_id = document_id(source["tenant"], source_id, key)
        with self.ledger.reading() as reading:
            told = _told(reading, collection, source_id, key, doc_id)
            moved_to = explanations.find_moved_to(reading, known) if known and known["state"] == "moved" else None
            objects = _objects(reading, collection, doc_id)
        listed = self.look(source, key)
        if known is None and not any(told.values()) and not listed.is_listed:
            return None
        history = _history(self.ledger, collection, objects, snapshot)
        facts = Facts(
            source_id=source_id,
            held_reason=source["held_reason"],
            state=None if known is None else known["state"],
            revision=None if known is None else known["revision"],
            moved_to=moved_to,
            is_listed=listed.is_listed,
            is_changed=_is_changed(known, listed),
            quarantine=_first(told["quarantine"]),
            hold=_first(told["hold"]),
            denials=told["denied"],
            staged=_first(told["in_progress"]),
            published=any(item["visible"] for item in history),
            stored=self._stored(head, objects, doc_id),
            purge=None if not told["purge"] else _purge(told["purge"][0]),
            retired=_retired(self.ledger, known),
        )
        is_visible, why, to_do = verdict_of(facts)
        runs = [self._run(item, key) for item in self._runs(collection, source_id)]
        details = {**_details(facts, known, listed), "history": history, "runs": runs}
        return Explanation(source_id, key, doc_id, is_visible, why, to_do, details)

    def _stored(
        self, head: Head | None, objects: tuple[Projection, list[ObjectRow]] | None, doc_id: uuid.UUID
    ) -> dict[str, Any] | None:
        """What the store shows of the document under its own head; ``None`` where nothing could be asked."""
        if head is None or objects is None:
            return None
        projection, rows = objects
        shown = [row for row in rows if head.snapshot.shows(row.rev_from, row.rev_to)]
        is_denied = doc_id in head.denied
        store = self.open_store()
        counts: dict[str, Any] = {"snapshot": head.snapshot.as_text(), "denied": is_denied}
        kinds: tuple[ObjectKind, ...] = ("chunks", "versions")
        try:
            for kind in kinds:
                ids = [row.object_id for row in shown if row.kind == kind]
                found = store.fetch_objects(projection, kind, ids) if ids else {}
                visible = [item for item in found.values() if head.snapshot.shows(item.rev_from, item.rev_to)]
                counts[kind] = {"expected": len(ids), "found": len(visible)}
                if kind == "chunks":
                    indexed = store.vector_indexed_among(projection, ids) if ids else set()
                    counts[kind]["in_vector_index"] = len(indexed)
        except WellreadError as error:
            return {**counts, "problem": error.found}
        return counts

    def _runs(self, collection: str, source_id: str) -> list[Row]:
        with self.ledger.reading() as reading:
            return explanations.find_runs_of_source(reading, collection, source_id, limit=_RUNS)

    def _run(self, row: Row, key: str) -> dict[str, object]:
        report = row["report"] or {}
        problems = (report.get("sheet") or {}).get("problems") or ()
        return {
            "run_id": row["run_id"],
            "state": row["state"],
            "revision": row["revision"],
            "started_at": moment(row["started_at"]),
            "finished_at": moment(row["finished_at"]),
            "change": self._change(report.get("changes"), key),
            "problem": next((item.get("cause") for item in problems if item.get("document") == key), None),
        }

    def _change(self, reference: str | None, key: str) -> str | None:
        """What the run did to the document, from its change list; an artifact that is gone says nothing."""
        if not reference:
            return None
        try:
            changes = get_json(self.artifacts, list[dict[str, Any]], reference)
        except WellreadError:
            return None
        mine = (item["change"] for item in changes if key in {item.get("document"), item.get("from")})
        return next(mine, None)


def moment(seconds: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601."""
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds")


def _told(
    reading: Transaction, collection: str, source_id: str, key: str, doc_id: uuid.UUID
) -> dict[str, Sequence[Row]]:
    troubled = explanations.find_quarantine_rows(reading, collection, key)
    held = explanations.find_hold_rows(reading, collection, key)
    return {
        "quarantine": [row for row in troubled if row["source_id"] == source_id],
        "hold": [row for row in held if row["source_id"] == source_id],
        "denied": explanations.find_denials(reading, collection, source_id, doc_id),
        "in_progress": explanations.find_staged_rows(reading, collection, doc_id),
        "purge": [row for row in explanations.find_purge_rows(reading, collection, key) if row["doc_id"] == doc_id],
    }


def _objects(reading: Transaction, collection: str, doc_id: uuid.UUID) -> tuple[Projection, list[ObjectRow]] | None:
    if revisions.find_collection(reading, collection) is None:
        return None
    projection = revisions.live_projection(reading, collection)
    return projection, ledger_objects.rows_of_document(reading, projection, doc_id)


def _history(
    ledger: Ledger,
    collection: str,
    objects: tuple[Projection, list[ObjectRow]] | None,
    snapshot: Snapshot,
) -> list[dict[str, Any]]:
    """The versions of the document that the index still holds, oldest first."""
    if objects is None:
        return []
    _, rows = objects
    versions = sorted((row for row in rows if row.kind == "versions"), key=lambda row: (row.rev_from, row.copy))
    numbers = {number for row in versions for number in (row.rev_from, row.rev_to)}
    with ledger.reading() as reading:
        known = explanations.find_revision_rows(reading, collection, sorted(numbers))
    return [_version(row, known, snapshot, rows) for row in versions]


def _version(
    row: ObjectRow, known: Mapping[int, Row], snapshot: Snapshot, rows: Sequence[ObjectRow]
) -> dict[str, Any]:
    opened, closed = known.get(row.rev_from), known.get(row.rev_to)
    with_it = Snapshot(row.rev_from + 1, snapshot.excluded - {row.rev_from})
    return {
        "version_hash": (row.facts or {}).get("version_hash"),
        "rev_from": row.rev_from,
        "rev_to": row.rev_to,
        "state": None if opened is None else opened["state"],
        "run_id": None if opened is None else opened["run_id"],
        "published_at": None if opened is None else moment(opened["ended_at"]),
        "closed_at": None if closed is None else moment(closed["ended_at"]),
        "chunks": len({item.key for item in rows if item.kind == "chunks" and _shown(item, with_it)}),
        "visible": snapshot.shows(row.rev_from, row.rev_to),
    }


def _shown(row: ObjectRow, snapshot: Snapshot) -> bool:
    return snapshot.shows(row.rev_from, row.rev_to)


def _details(facts: Facts, known: Row | None, listed: Listed) -> dict[str, Any]:
    return {
        "state": facts.state,
        "listing": {"listed": facts.is_listed, "changed": facts.is_changed, "problem": listed.problem},
        "known": None if known is None else _known(known, facts.moved_to),
        "quarantine": _quarantine(facts.quarantine),
        "hold": _hold(facts.hold),
        "denied": [{"by": item["kind"], "reason": item["reason"]} for item in facts.denials],
        "in_progress": None if facts.staged is None else _progress(facts.staged),
        "purge": facts.purge,
        "retired": facts.retired,
        "store": facts.stored,
    }


def _first(rows: Sequence[Row]) -> Row | None:
    return rows[0] if rows else None


def _is_changed(known: Row | None, listed: Listed) -> bool | None:
    """Whether the source shows other bytes than the known ones; ``None`` where tokens cannot tell."""
    if known is None or not listed.is_listed or listed.version_token is None or known["version_token"] is None:
        return None
    return bool(listed.version_token != known["version_token"])


def _known(row: Row, moved_to: str | None) -> dict[str, object]:
    kept = ("title", "version_hash", "content_sha", "size_bytes", "acl", "revision")
    return {
        **{name: row[name] for name in kept},
        "modified_at": moment(row["modified_at"]),
        "changed_at": moment(row["changed_at"]),
        "moved_to": moved_to,
    }


def _quarantine(row: Row | None) -> dict[str, object] | None:
    if row is None:
        return None
    return {
        **{name: row[name] for name in ("outcome", "stage", "cause", "attempts")},
        "found": row["detail"].get("found"),
        "remedy": row["detail"].get("remedy"),
        "first_at": moment(row["first_at"]),
        "last_at": moment(row["last_at"]),
        "payload": {"reference": row["payload_ref"], "note": row["payload_note"]},
    }


def _hold(row: Row | None) -> dict[str, object] | None:
    if row is None:
        return None
    return {"reason": row["reason"], "approved": row["approved"], "since": moment(row["created_at"])}


def _purge(row: Row) -> dict[str, object]:
    return {
        **{name: row[name] for name in ("natural_key", "state", "reason")},
        "started_at": moment(row["started_at"]),
        "finished_at": moment(row["finished_at"]),
        "receipt": row["receipt_ref"],
    }


def _retired(ledger: Ledger, known: Row | None) -> dict[str, object] | None:
    """The retirement that closed the document, where it was one."""
    if known is None or known["state"] != "deleted":
        return None
    with ledger.reading() as reading:
        rows = explanations.find_revision_rows(reading, known["collection"], [known["revision"]])
    row = rows.get(known["revision"])
    if row is None or not row["run_id"].startswith(RETIREMENT):
        return None
    return {"run_id": row["run_id"], "at": moment(row["ended_at"])}


def _progress(row: Row) -> dict[str, object]:
    return {name: row[name] for name in ("revision", "run_id", "action", "state", "outcome", "stage", "cause")}

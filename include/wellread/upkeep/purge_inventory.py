"""What there is of a document beside its ledger rows: named by hashes and ids, before anything is removed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import sqlalchemy as sa

from wellread.artifacts.codec import encode, get_json, put_json
from wellread.indexing.histories import Touched
from wellread.indexing.parts import Parts
from wellread.ledger import objects as ledger_objects
from wellread.ledger import projections, purges
from wellread.ledger.schema import documents as documents_table
from wellread.ledger.schema import quarantine, revisions, runs
from wellread.snapshots import Projection


@dataclass(slots=True)
class Inventory:
    """Kept in the ledger until nothing of it is left, so that a killed purge goes on where it was."""

    doc_ids: set[str] = field(default_factory=set)
    references: set[str] = field(default_factory=set)
    """Artifacts that hold its text."""
    embedding_keys: set[str] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    """Tenant and request key of responses whose evidence it was in, as JSON."""
    counts: dict[str, int] = field(default_factory=dict)
    """What was found, by the name that the receipt gives it: the most that any try has seen."""

    def count(self, name: str, number: int) -> None:
        """A repeated try finds less: what the first one found is what is removed."""
        self.counts[name] = max(number, self.counts.get(name, 0))

    def add(self, work: Mapping[str, Any]) -> None:
        """Join what an earlier try has noted."""
        for item in fields(self):
            if item.name == "counts":
                for name, number in work.get("counts", {}).items():
                    self.count(name, number)
            else:
                getattr(self, item.name).update(work.get(item.name, ()))

    def as_dict(self) -> dict[str, object]:
        """For the ledger: hashes and ids, no text."""
        kept = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: sorted(value) if isinstance(value, set) else value for name, value in kept.items()}

    def ids(self) -> list[uuid.UUID]:
        """The document's ids."""
        return sorted(uuid.UUID(value) for value in self.doc_ids)


def copies(parts: Parts, collection: str) -> list[Projection]:
    """Every physical copy that may hold objects."""
    with parts.ledger.reading() as reading:
        states = ("live", *projections.MIRRORS, "rebuilding", *projections.LEAVING)
        return [item for state in states for item in projections.projections_in_state(reading, collection, state)]


def take_inventory(parts: Parts, collection: str, source_id: str, natural_key: str, found: Inventory) -> None:
    """Add what is there now. Nothing is changed."""
    ids = found.ids()
    with parts.ledger.reading() as reading:
        rows = []
        for projection in copies(parts, collection):
            rows += ledger_objects.rows_of_documents(reading, projection, ids)
        refs = purges.linked_artifacts(reading, collection, ids)
        refs.update(
            reading.execute(
                sa.select(documents_table.c.chunks_ref).where(
                    documents_table.c.collection == collection, documents_table.c.doc_id.in_(ids)
                )
            ).scalars()
        )
        troubled = reading.execute(
            sa.select(sa.func.count()).where(
                quarantine.c.collection == collection,
                quarantine.c.source_id == source_id,
                quarantine.c.natural_key == natural_key,
            )
        ).scalar_one()
    refs.update(row.reference for row in rows)
    found.embedding_keys.update(row.embedding_key for row in rows if row.embedding_key is not None)
    for kind in ("chunks", "versions"):
        found.count(f"{kind}_objects", sum(1 for row in rows if row.kind == kind))
    found.count("quarantine_rows", int(troubled))
    for _, reference, touched in _histories(parts, collection, source_id, found.doc_ids):
        refs.add(reference)
        refs.update(item.before.chunks_ref for item in touched if item.before and str(item.doc_id) in found.doc_ids)
    refs.update(reference for reference, _ in _plans(parts, collection, source_id, found.doc_ids))
    found.references.update(refs)


def _runs_of(parts: Parts, collection: str, source_id: str) -> list[Mapping[str, Any]]:
    query = sa.select(runs.c.run_id, runs.c.plan_ref, runs.c.report)
    with parts.ledger.reading() as reading:
        of_source = query.where(runs.c.collection == collection, runs.c.source_id == source_id)
        return [dict(row) for row in reading.execute(of_source).mappings()]


def _histories(
    parts: Parts, collection: str, source_id: str, doc_ids: set[str]
) -> list[tuple[str, str, tuple[Touched, ...]]]:
    """Run, reference and content of each history that names one of the ids."""
    found = []
    for row in _runs_of(parts, collection, source_id):
        reference = (row["report"] or {}).get("history")
        if reference is not None and parts.artifacts.exists(reference):
            touched = get_json(parts.artifacts, tuple[Touched, ...], reference)
            if any(str(item.doc_id) in doc_ids for item in touched):
                found.append((row["run_id"], reference, touched))
    return found


def _plans(parts: Parts, collection: str, source_id: str, doc_ids: set[str]) -> list[tuple[str, dict[str, Any]]]:
    """Reference and content of each plan of a run that names one of the ids."""
    found = []
    for reference in sorted({row["plan_ref"] for row in _runs_of(parts, collection, source_id) if row["plan_ref"]}):
        content = parts.artifacts.get(reference) if parts.artifacts.exists(reference) else b""
        if any(doc_id.encode() in content for doc_id in doc_ids):
            found.append((reference, json.loads(content)))
    return found


def rewrite_records(parts: Parts, collection: str, source_id: str, found: Inventory) -> None:
    """Give histories and plans of runs back without the document; the old artifacts are in the inventory."""
    for run_id, _, touched in _histories(parts, collection, source_id, found.doc_ids):
        rest = [item for item in touched if str(item.doc_id) not in found.doc_ids]
        reference = put_json(parts.artifacts, "histories", rest)
        with parts.ledger.transaction() as tx:
            report = tx.execute(sa.select(runs.c.report).where(runs.c.run_id == run_id)).scalar_one()
            tx.execute(
                sa.update(runs).where(runs.c.run_id == run_id).values(report={**report, "history": reference})
            )
    for old, plan in _plans(parts, collection, source_id, found.doc_ids):
        plan["documents"] = [
            item for item in plan["documents"] if not {item["doc_id"], item.get("previous_doc_id")} & found.doc_ids
        ]
        new = parts.artifacts.put("plans", encode(plan))
        with parts.ledger.transaction() as tx:
            for table in (runs, revisions):
                tx.execute(sa.update(table).where(table.c.plan_ref == old).values(plan_ref=new))

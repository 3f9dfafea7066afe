"""What there is of a document beside its ledger rows: named by hashes and ids, before anything is removed."""

from __future__ import annotations

import html
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
from wellread.ledger import projections, purges, run_records
from wellread.ledger.objects import ObjectRow
from wellread.ledger.schema import quarantine, revisions, runs
from wellread.snapshots import Projection
from wellread.upkeep.former_names import PurgeTarget


@dataclass(slots=True)
class Inventory:
    """Kept in the ledger until nothing of it is left, so that a killed purge goes on where it was."""

    doc_ids: set[str] = field(default_factory=set)
    shared_ids: set[str] = field(default_factory=set)
    """Former ids of it that other documents have used too: only spans of them are its own."""
    references: set[str] = field(default_factory=set)
    """Artifacts that hold its text."""
    embedding_keys: set[str] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    """Tenant and request key of responses whose evidence it was in, as JSON."""
    unreached: set[str] = field(default_factory=set)
    """Places that name it, or hold text of it, and stay."""
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

    def all_ids(self) -> list[uuid.UUID]:
        """Its ids, and those that it shared with other documents."""
        return sorted(uuid.UUID(value) for value in self.doc_ids | self.shared_ids)


def copies(parts: Parts, collection: str) -> list[Projection]:
    """Every physical copy that may hold objects."""
    with parts.ledger.reading() as reading:
        states = ("live", *projections.MIRRORS, "rebuilding", *projections.LEAVING)
        return [item for state in states for item in projections.projections_in_state(reading, collection, state)]


def rows_of(parts: Parts, target: PurgeTarget, found: Inventory, projection: Projection) -> list[ObjectRow]:
    """Its reference rows in one copy: all of its own ids, and its spans of those that others used too."""
    with parts.ledger.reading() as reading:
        own = ledger_objects.rows_of_documents(reading, projection, found.ids())
        others = [doc_id for doc_id in target.former if str(doc_id) not in found.doc_ids]
        shared = ledger_objects.rows_of_documents(reading, projection, others)
    return own + [row for row in shared if target.former[row.doc_id].covers(row.rev_from, row.rev_to)]


def take_inventory(parts: Parts, target: PurgeTarget, found: Inventory) -> None:
    """Add what is there now. Nothing is changed."""
    rows = [row for copy in copies(parts, target.collection) for row in rows_of(parts, target, found, copy)]
    with parts.ledger.reading() as reading:
        troubled = reading.execute(
            sa.select(sa.func.count()).where(
                quarantine.c.collection == target.collection,
                quarantine.c.source_id == target.source_id,
                quarantine.c.natural_key == target.natural_key,
            )
        ).scalar_one()
    found.shared_ids.update(str(doc_id) for doc_id in target.former)
    found.embedding_keys.update(row.embedding_key for row in rows if row.embedding_key is not None)
    for kind in ("chunks", "versions"):
        found.count(f"{kind}_objects", sum(1 for row in rows if row.kind == kind))
    found.count("quarantine_rows", int(troubled))
    found.references.update(row.reference for row in rows)
    found.references.update(_linked(parts, target, found))
    for _, revision, reference, touched in _histories(parts, target, found):
        found.references.add(reference)
        its = (item.before for item in touched if item.before and _is_its(target, found, item.doc_id, revision))
        found.references.update(before.chunks_ref for before in its)
    found.references.update(reference for reference, _, _ in _plans(parts, target, found))


def _linked(parts: Parts, target: PurgeTarget, found: Inventory) -> set[str]:
    """Artifacts that the ledger links to it, without what the present bearers of its former names need."""
    with parts.ledger.reading() as reading:
        linked = purges.linked_artifacts(reading, target.collection, found.all_ids())
        own = purges.chunk_references(reading, target.collection, found.ids())
        others = purges.chunk_references(reading, target.collection, list(target.former))
    for copy in copies(parts, target.collection):
        with parts.ledger.reading() as reading:
            rows = ledger_objects.rows_of_documents(reading, copy, list(target.former))
        others |= {row.reference for row in rows if not target.former[row.doc_id].covers(row.rev_from, row.rev_to)}
    return (linked - others) | own


def _is_its(target: PurgeTarget, found: Inventory, doc_id: uuid.UUID, revision: int | None) -> bool:
    """Whether what a run of this revision did to this id, it did to the document."""
    former = target.former.get(doc_id)
    return str(doc_id) in found.doc_ids or (former is not None and former.touches(revision))


def _runs_of(parts: Parts, target: PurgeTarget) -> list[Mapping[str, Any]]:
    query = sa.select(runs.c.run_id, runs.c.revision, runs.c.plan_ref, runs.c.report)
    with parts.ledger.reading() as reading:
        of_source = query.where(runs.c.collection == target.collection, runs.c.source_id == target.source_id)
        return [dict(row) for row in reading.execute(of_source).mappings()]


def _histories(
    parts: Parts, target: PurgeTarget, found: Inventory
) -> list[tuple[str, int | None, str, tuple[Touched, ...]]]:
    """Run, revision, reference and content of each history that tells of the document."""
    histories = []
    for row in _runs_of(parts, target):
        reference = (row["report"] or {}).get("history")
        if reference is not None and parts.artifacts.exists(reference):
            touched = get_json(parts.artifacts, tuple[Touched, ...], reference)
            if any(_is_its(target, found, item.doc_id, row["revision"]) for item in touched):
                histories.append((row["run_id"], row["revision"], reference, touched))
    return histories


def _plans(parts: Parts, target: PurgeTarget, found: Inventory) -> list[tuple[str, int | None, dict[str, Any]]]:
    """Reference, revision and content of each plan of a run that names the document."""
    plans = []
    for reference, revision in {row["plan_ref"]: row["revision"] for row in _runs_of(parts, target)}.items():
        content = parts.artifacts.get(reference) if reference and parts.artifacts.exists(reference) else b""
        if any(doc_id.encode() in content for doc_id in found.doc_ids | found.shared_ids):
            plan = json.loads(content)
            if any(_plans_it(target, found, item, revision) for item in plan["documents"]):
                plans.append((reference, revision, plan))
    return plans


def _plans_it(target: PurgeTarget, found: Inventory, item: Mapping[str, Any], revision: int | None) -> bool:
    ids = [uuid.UUID(value) for value in (item["doc_id"], item.get("previous_doc_id")) if value is not None]
    return any(_is_its(target, found, doc_id, revision) for doc_id in ids)


def rewrite_records(parts: Parts, target: PurgeTarget, found: Inventory) -> None:
    """Give histories and plans of runs back without the document; the old artifacts are in the inventory."""
    for run_id, revision, _, touched in _histories(parts, target, found):
        rest = [item for item in touched if not _is_its(target, found, item.doc_id, revision)]
        _update_report(parts, run_id, {"history": put_json(parts.artifacts, "histories", rest)})
    for old, revision, plan in _plans(parts, target, found):
        plan["documents"] = [item for item in plan["documents"] if not _plans_it(target, found, item, revision)]
        new = parts.artifacts.put("plans", encode(plan))
        with parts.ledger.transaction() as tx:
            for table in (runs, revisions):
                tx.execute(sa.update(table).where(table.c.plan_ref == old).values(plan_ref=new))
    _rewrite_reports(parts, target)


def _rewrite_reports(parts: Parts, target: PurgeTarget) -> None:
    """What a run found in the document may quote it; that it had a problem stays in the run's report."""
    for row in _runs_of(parts, target):
        sheet = (row["report"] or {}).get("sheet") or {}
        problems = sheet.get("problems") or []
        rest = [_without_words(item) if item.get("document") in target.names else item for item in problems]
        if rest != problems:
            _update_report(parts, row["run_id"], {"sheet": {**sheet, "problems": rest}})


def _without_words(problem: Mapping[str, Any]) -> dict[str, Any]:
    return {**problem, "found": "purged", "remedy": None}


def _update_report(parts: Parts, run_id: str, changes: Mapping[str, Any]) -> None:
    with parts.ledger.transaction() as tx:
        report = tx.execute(sa.select(runs.c.report).where(runs.c.run_id == run_id)).scalar_one()
        tx.execute(sa.update(runs).where(runs.c.run_id == run_id).values(report={**report, **changes}))


def quality_reports_that_name(parts: Parts, target: PurgeTarget) -> set[str]:
    """Places of quality reports of the source's runs that name the document: pages are not rewritten."""
    places = set()
    wanted = [name.encode("utf-8", "surrogateescape") for name in target.names]
    wanted += [html.escape(name).encode("utf-8", "surrogateescape") for name in target.names]
    for row in _runs_of(parts, target):
        reference = ((row["report"] or {}).get(run_records.QUALITY_REPORT) or {}).get("reference")
        if reference is not None and parts.artifacts.exists(reference):
            content = parts.artifacts.get(reference)
            if any(name in content for name in wanted):
                places.add(f"the quality report of the run {row['run_id']}, {reference}, names it, as do its pages")
    return places

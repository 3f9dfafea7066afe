"""``wellread status | sources | doctor | approve | vacuum``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer

from wellread.cli.ingesting import declared_sources
from wellread.cli.opening import opened
from wellread.cli.output import EXIT_ERROR, Output
from wellread.ledger import documents as ledger_documents
from wellread.ledger import quarantine_rows, revisions, run_records
from wellread.upkeep.holding import approve_by_name
from wellread.upkeep.vacuum import vacuum
from wellread.workspace import Workspace
from wellread.workspace.examining import Finding, examine
from wellread.workspace.upkeeping import declared_ids, is_declared, undeclared_sources

_SOURCE_COLUMNS = ("source_id", "state", "documents", "quarantined", "hidden", "held", "location")


def status(output: Output, *, collection: str | None) -> None:
    """What the ledger says of a collection."""
    with opened(output, collection=collection) as workspace:
        name = workspace.settings.collection
        report = _status(workspace, name)
    output.result(report)
    output.line(f"{name}: {report['chunks']} chunks, next revision {report['next_revision']}", style="bold")
    output.table(
        ("source", "state", "documents", "quarantined", "hidden", "held", "location"),
        [tuple(item[name] for name in _SOURCE_COLUMNS) for item in report["sources"]],
    )
    output.table(
        ("started", "source", "state", "revision"),
        [(item["started_at"], item["source_id"], item["state"], item["revision"]) for item in report["runs"]],
    )


def _status(workspace: Workspace, name: str) -> dict[str, Any]:
    with workspace.ledger.reading() as reading:
        row = revisions.find_collection(reading, name)
        sources = ledger_documents.list_sources(reading, name)
        troubled = quarantine_rows.list_quarantine(reading, name)
        held = ledger_documents.list_holds(reading, name)
        runs = run_records.latest_runs(reading, name, limit=10)
        snapshot = revisions.current_snapshot(reading, name)
    declared = declared_ids(workspace)
    return {
        "collection": name,
        "exists": row is not None,
        "chunks": 0 if row is None else row.chunk_count,
        "next_revision": snapshot.next_revision,
        "snapshot": snapshot.as_text(),
        "sources": [
            {
                "source_id": item["source_id"],
                "location": item["location"],
                "documents": item["documents"],
                "quarantined": sum(1 for one in troubled if one["source_id"] == item["source_id"]),
                "hidden": sum(1 for one in troubled if one["hidden"] and one["source_id"] == item["source_id"]),
                "held": sum(1 for source_id, _ in held if source_id == item["source_id"]),
                "held_reason": item["held_reason"],
                "state": _source_state(item, declared),
            }
            for item in sources
        ],
        "runs": [
            {
                "run_id": item["run_id"],
                "source_id": item["source_id"],
                "state": item["state"],
                "revision": item["revision"],
                "started_at": _moment(item["started_at"]),
                "finished_at": _moment(item["finished_at"]),
            }
            for item in runs
        ],
    }


def _source_state(row: Mapping[str, Any], declared: frozenset[str] | None) -> str:
    """``held``, ``retired``, ``declared``, or ``undeclared``: it is there to be retired."""
    if row["held_reason"] is not None:
        return "held"
    if row["retired_at"] is not None:
        return "retired"
    return "declared" if is_declared(row, declared) else "undeclared"


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds")


def sources(output: Output) -> None:
    """The declarations, as they were read."""
    with opened(output) as workspace:
        declared = declared_sources(workspace)
        gone = undeclared_sources(workspace)
    output.result(
        {
            "sources": [
                {"id": item.id, "kind": item.kind, "location": item.location, "schedule": item.schedule}
                for item in declared
            ],
            "undeclared": [
                {"id": row["source_id"], "collection": row["collection"], "documents": row["documents"]}
                for row in gone
            ],
        }
    )
    output.table(
        ("source", "kind", "location", "schedule"),
        [(item.id, item.kind, item.location, item.schedule or "") for item in declared],
    )
    for row in gone:
        output.line(
            f"{row['source_id']} ({row['documents']} documents in {row['collection']}) is no longer declared: "
            f"declare it again, or run `wellread retire {row['source_id']}`."
        )
    if not declared:
        output.line("No source is declared. Write a YAML file into dags/sources, or ingest a folder by its path.")


def approve(output: Output, source: str, documents: Sequence[str] | None, *, collection: str | None) -> None:
    """Release holds."""
    with opened(output, collection=collection) as workspace:
        count = approve_by_name(workspace.ledger, workspace.settings.collection, source, list(documents or ()))
    output.result({"source": source, "approved": count})
    output.line(f"{count} holds approved. The next `wellread ingest {source}` looks again and applies them.")


def run_vacuum(output: Output, *, collection: str | None) -> None:
    """Vacuum now."""
    with opened(output, collection=collection) as workspace:
        done = vacuum(workspace.parts, workspace.settings.collection)
    output.result({"deleted": done.deleted, "oldest_readable": done.oldest_readable, "claims": done.claims})
    output.line(f"{done.deleted} closed objects deleted, and {done.claims} claims of dead workers.")


def doctor(output: Output, *, ask_models: bool = False) -> None:
    """Everything that must be right, one line each; asking models costs a few tokens."""
    with opened(output) as workspace:
        findings = examine(workspace, ask_models=ask_models)
    output.result({"ok": all(item.ok for item in findings), "findings": [_finding(item) for item in findings]})
    for item in findings:
        output.line(
            f"{'ok ' if item.ok else 'BAD'} {item.what}: {item.found}", style=None if item.ok else "bold red"
        )
        if not item.ok:
            output.line(f"      {item.remedy}")
    if not all(item.ok for item in findings):
        raise typer.Exit(EXIT_ERROR)


def _finding(item: Finding) -> dict[str, object]:
    return {"what": item.what, "ok": item.ok, "found": item.found, "remedy": item.remedy}

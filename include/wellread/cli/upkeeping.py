"""``wellread explain | reconcile | rebuild | undo | release``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from wellread.cli.consenting import require_consent
from wellread.cli.opening import opened
from wellread.cli.output import EXIT_ERROR, EXIT_NOTHING, EXIT_RETRY, Output
from wellread.upkeep.explaining import Explained
from wellread.upkeep.rebuilding import rebuild as rebuild_collection
from wellread.upkeep.reconciling import Reconciled
from wellread.upkeep.reconciling import reconcile as reconcile_collection
from wellread.upkeep.reverting import Revert, plan_revert
from wellread.upkeep.undoing import release_source
from wellread.upkeep.undoing import undo as undo_runs
from wellread.workspace.upkeeping import explain_document


def explain(output: Output, document: str, *, source: str | None, ask_source: bool, collection: str | None) -> None:
    """Why a document is, or is not, in the index."""
    with opened(output, collection=collection) as workspace:
        explained = explain_document(workspace, document, source_id=source, ask_source=ask_source)
    output.result(explained.as_dict())
    for item in explained.explanations:
        _print_explanation(output, item.as_dict())
    if not explained.explanations:
        _print_unknown(output, explained)
        raise typer.Exit(EXIT_NOTHING)


def _print_unknown(output: Output, explained: Explained) -> None:
    output.line(
        f"{explained.name}: no source of {explained.collection} lists it or has ever listed it", style="bold"
    )
    for key in explained.similar:
        output.line(f"  known: {key}")
    output.line("Names are as the source lists them: the path within the folder, the key within the bucket.")


def _print_explanation(output: Output, told: Mapping[str, Any]) -> None:
    shown = "visible" if told["visible"] else "not visible"
    output.line(f"{told['source']}/{told['document']}: {shown}", style="bold")
    output.line(f"  why:   {told['why']}")
    output.line(f"  to do: {told['to_do']}")
    for name, value in _facts(told):
        output.line(f"  {name}: {value}")
    output.table(
        ("from", "to", "state", "chunks", "published", "run"),
        [
            (
                item["rev_from"],
                item["rev_to"] or "open",
                item["state"],
                item["chunks"],
                item["published_at"],
                item["run_id"],
            )
            for item in told["history"]
        ],
    )
    output.table(
        ("last runs", "state", "revision", "this document"),
        [
            (item["started_at"], item["state"], item["revision"], item["change"] or item["problem"])
            for item in told["runs"]
        ],
    )


def _facts(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [("id", str(told["doc_id"])), ("state", told["state"] or "never in the index")]
    listed = told["listing"]["listed"]
    if listed is not None:
        changed = {True: ", changed since", False: ", unchanged", None: ""}[told["listing"]["changed"]]
        facts.append(("source", f"lists it{changed}" if listed else "does not list it"))
    elif told["listing"]["problem"]:
        facts.append(("source", f"could not be asked: {told['listing']['problem']}"))
    if known := told["known"]:
        facts.append(("title", known["title"]))
        facts.append(("changed", f"in revision {known['revision']}, {known['changed_at']}"))
        facts.append(("readers", ", ".join(known["acl"])))
    if purge := told["purge"]:
        facts.append(("purge", f"{purge['state']}, {purge['reason']}, receipt {purge['receipt']}"))
    if trouble := told["quarantine"]:
        facts.append(("quarantine", f"{trouble['stage']}, {trouble['cause']}, {trouble['attempts']} attempts"))
        facts.append(("found", str(trouble["found"])))
    return facts


def reconcile(output: Output, *, repair: bool, collection: str | None) -> None:
    """Compare index and ledger, and repair."""
    with opened(output, collection=collection) as workspace:
        done = reconcile_collection(workspace.parts, workspace.settings.collection, repair=repair)
    output.result(done.as_dict())
    _print_reconciled(output, done)
    if done.deferred:
        raise typer.Exit(EXIT_RETRY)
    if not done.is_true:
        raise typer.Exit(EXIT_ERROR)


def _print_reconciled(output: Output, done: Reconciled) -> None:
    total = done.faults.total()
    counts = done.counts
    output.line(
        f"{done.projection.collection}: {counts.chunks} chunks, {counts.versions} versions and {counts.vectors} "
        f"vectors compared in {done.seconds:.1f} s; {total} differences, {done.repaired} repaired, 0 embeddings",
        style="bold",
    )
    output.table(("difference", "objects"), sorted(done.faults.items()))
    output.table(
        ("difference", "kind", "object", "source", "found"),
        [
            tuple(item.as_dict()[name] for name in ("fault", "kind", "object_id", "source", "found"))
            for item in done.examples[:20]
        ],
    )
    if rate := done.as_dict()["seconds_per_million_objects"]:
        output.line(f"{rate} s per million objects")
    for source, count in sorted(done.deferred.items()):
        output.line(f"{source}: {count} objects left for later, a run of the source is at work. Run again.")
    if total and not done.repair:
        output.line("Nothing was changed. Run `wellread reconcile` without --no-repair.")


def rebuild(output: Output, collection: str) -> None:
    """Make a lost or damaged index again."""
    with opened(output, collection=collection, with_progress=True) as workspace:
        done = rebuild_collection(workspace.parts, collection)
    output.result(done.as_dict())
    number = None if done.projection is None else done.projection.number
    output.line(
        f"{collection}: {done.chunks} chunks and {done.versions} versions stand in copy {number}, "
        f"{done.filled.written} written, {done.filled.kept} kept of an earlier try, in {done.seconds:.1f} s; "
        "0 source reads, 0 embeddings",
        style="bold",
    )
    for old in done.replaced:
        output.line(f"Copy {old} was dropped.")


def undo(output: Output, run: str, *, dry_run: bool, confirmed: bool, collection: str | None) -> None:
    """Put back what a run and the later ones of its source changed."""
    with opened(output, collection=collection, with_progress=True) as workspace:
        revert = plan_revert(workspace.parts, workspace.settings.collection, run)
        if dry_run:
            output.result(revert.as_dict())
            _print_revert(output, revert)
            return
        if not confirmed:
            _print_revert(output, revert)
            require_consent(
                output,
                "Undo these?",
                asked=f"undo the run {revert.runs[0]!r}",
                remedy="See the list with --dry-run, then confirm it with --yes.",
            )
        done = undo_runs(workspace.parts, revert)
    output.result(done.as_dict())
    output.line(
        f"{len(revert.restored)} documents put back, {len(revert.removed)} removed by {done.run_id or 'nothing'}; "
        "0 parses, 0 embeddings",
        style="bold",
    )
    output.line(f"{revert.source_id} is held. Mend the source, then `wellread release {revert.source_id}`.")


def _print_revert(output: Output, revert: Revert) -> None:
    output.line(f"{revert.source_id} -> {revert.collection}: undoes {', '.join(revert.runs)}", style="bold")
    rows = [("put back", item.natural_key) for item in revert.restored.values()]
    rows += [("remove", key) for key in revert.removed.values()]
    output.table(("action", "document"), sorted(rows))


def release(output: Output, source: str, *, collection: str | None) -> None:
    """Let runs of a held source go on."""
    with opened(output, collection=collection) as workspace:
        release_source(workspace.parts, workspace.settings.collection, source)
    output.result({"source": source, "held": False})
    output.line(f"{source} is released: its next run brings the index in step with it again.")

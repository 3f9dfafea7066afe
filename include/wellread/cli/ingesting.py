"""``wellread ingest``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import typer

from wellread.cli.opening import opened
from wellread.cli.output import EXIT_RETRY, Output
from wellread.errors import SettingsError
from wellread.runs import OUTCOMES, BalanceSheet, SourceDeclaration
from wellread.sources.declarations import (
    declaration_for_folder,
    load_declarations,
    sound_declarations,
)
from wellread.upkeep.vacuum import vacuum
from wellread.workspace import Workspace

_SHOWN_PROBLEMS = 20


def ingest(output: Output, source: str, *, collection: str | None, dry_run: bool) -> None:
    """Run all waves of a source, vacuum, print the balance sheet."""
    with opened(output, collection=collection, with_progress=True) as workspace:
        declaration, is_declared = find_source(output, workspace, source, collection=collection)
        if dry_run:
            _print_plan(output, workspace, declaration)
            return
        sheet = workspace.runner.run(declaration, source_may_move=is_declared)
        vacuum(workspace.parts, declaration.collection)
    output.result(sheet.as_dict())
    print_sheet(output, sheet)
    if sheet.outcomes.get("failed_transient") or sheet.outcomes.get("pending"):
        raise typer.Exit(EXIT_RETRY)


def find_source(
    output: Output, workspace: Workspace, source: str, *, collection: str | None
) -> tuple[SourceDeclaration, bool]:
    """The declared source of this id, else the folder of this path; and whether it is declared.

    A path names no id, so a faulty declaration does not stand in its way.
    """
    is_path = "/" in source or source.startswith((".", "~"))
    if not is_path:
        declared, faults = _sound_sources(workspace)
        if source in declared:
            declaration = declared[source]
            return (declaration if collection is None else replace(declaration, collection=collection)), True
        if faults:
            raise faults[0]
        _require_folder(output, source, declared)
    settings = workspace.settings
    return declaration_for_folder(Path(source), collection=settings.collection, tenant=settings.tenant), False


def _require_folder(output: Output, source: str, declared: Collection[str]) -> None:
    known = ", ".join(sorted(declared)) or "none"
    if not Path(source).exists():
        raise SettingsError(
            f"ingest {source!r}",
            found=f"it is neither a folder nor a declared source (declared: {known})",
            remedy="Give a folder, or write a YAML file for the source into dags/sources.",
        )
    output.note(
        f"{source!r} is no declared source (declared: {known}): taken as the folder {Path(source).resolve()}"
    )


def _sound_sources(workspace: Workspace) -> tuple[dict[str, SourceDeclaration], list[SettingsError]]:
    """The declarations by id, and what is wrong with the others."""
    folder = _sources_folder(workspace)
    return ({}, []) if folder is None else sound_declarations(folder)


def _sources_folder(workspace: Workspace) -> Path | None:
    folder = workspace.settings.sources_folder or Path("dags/sources")
    return folder if workspace.settings.sources_folder is not None or folder.is_dir() else None


def declared_sources(workspace: Workspace) -> tuple[SourceDeclaration, ...]:
    """All declarations of the deployment; none where there is no folder for them. One fault is an error."""
    folder = _sources_folder(workspace)
    return () if folder is None else load_declarations(folder)


def _print_plan(output: Output, workspace: Workspace, declaration: SourceDeclaration) -> None:
    plan = workspace.runner.dry_run(declaration)
    estimate = workspace.runner.estimate(plan)
    summary = plan.summary()
    output.result({**summary, "estimate": estimate.as_dict()})
    output.line(f"{declaration.id}: {summary['listed']} documents listed; nothing was changed.")
    output.line(f"Estimate: {estimate.as_text()}.")
    documents = summary["documents"]
    assert isinstance(documents, list)
    output.table(
        ("action", "reason", "document"),
        [(item["action"], item["reason"], item["document"]) for item in documents[:50]],
    )
    output.table(("settled", "documents"), list(summary["settled"].items()))  # type: ignore[attr-defined]  # a dict
    for note in plan.notes:
        output.line(note)


def print_sheet(output: Output, sheet: BalanceSheet) -> None:
    """The balance sheet for people."""
    state = f"revision {sheet.revision} published" if sheet.published else "nothing to publish"
    output.line(f"{sheet.source} -> {sheet.collection}: {state} in {sheet.seconds:.1f} s", style="bold")
    rows = [(name.replace("_", " "), sheet.outcomes.get(name, 0)) for name in OUTCOMES if sheet.outcomes.get(name)]
    output.table(("documents", f"{sheet.listed} listed"), rows)
    output.line(
        f"parsed {sheet.parsed} · chunks +{sheet.chunks_inserted} ={sheet.chunks_kept} -{sheet.chunks_closed} · "
        f"embedded {sheet.embeddings_computed}, reused {sheet.embeddings_reused} · "
        f"{sheet.embedding_tokens} tokens, {_price(sheet.cost_usd)} · index writes {sheet.index_writes}"
    )
    problems = [
        (item.get("document"), shown_state(item), item.get("cause"), item.get("found"))
        for item in sheet.problems[:_SHOWN_PROBLEMS]
    ]
    output.table(("document", "state", "cause", "found"), problems)
    if len(sheet.problems) > _SHOWN_PROBLEMS:
        output.line(f"... and {len(sheet.problems) - _SHOWN_PROBLEMS} more: wellread quarantine")
    for note in sheet.notes:
        output.line(note)


def shown_state(problem: Mapping[str, object]) -> str:
    """The outcome, and whether the last good version is hidden."""
    return f"{problem.get('outcome')}, hidden" if problem.get("hidden") else str(problem.get("outcome"))


def _price(usd: float | None) -> str:
    return "price unknown" if usd is None else f"${usd:.4f}"

"""``wellread redrive``."""

from __future__ import annotations

import typer

from wellread.cli.ingesting import find_source, print_sheet
from wellread.cli.opening import opened
from wellread.cli.output import EXIT_NOTHING, EXIT_RETRY, Output
from wellread.indexing.same_history import require_belonging
from wellread.ledger.redriving import mark_for_redrive
from wellread.upkeep.vacuum import vacuum


def redrive(
    output: Output,
    document: str | None,
    *,
    source: str | None,
    cause: str | None,
    run: bool,
    collection: str | None,
) -> None:
    """Mark quarantined documents, then run their sources."""
    with opened(output, collection=collection, with_progress=run) as workspace:
        name = workspace.settings.collection
        require_belonging(workspace.parts, name, asked=f"redrive what is in quarantine of {name!r}")
        with workspace.ledger.transaction() as tx:
            marked = mark_for_redrive(tx, name, natural_key=document, source_id=source, cause=cause)
        sheets = []
        for source_id in sorted({item[0] for item in marked}) if run else ():
            declaration, is_declared = find_source(output, workspace, source_id, collection=collection)
            sheets.append(workspace.runner.run(declaration, source_may_move=is_declared))
        if sheets:
            vacuum(workspace.parts, name)
    output.result(
        {
            "marked": [{"source": source_id, "document": key} for source_id, key in marked],
            "runs": [sheet.as_dict() for sheet in sheets],
        }
    )
    output.line(f"{len(marked)} quarantined documents are to be tried again.")
    for sheet in sheets:
        print_sheet(output, sheet)
    if not marked:
        raise typer.Exit(EXIT_NOTHING)
    if any(sheet.outcomes.get("failed_transient") or sheet.outcomes.get("pending") for sheet in sheets):
        raise typer.Exit(EXIT_RETRY)

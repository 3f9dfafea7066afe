"""``wellread redrive``."""

from __future__ import annotations

import typer

from wellread.cli.ingesting import print_sheet
from wellread.cli.opening import opened
from wellread.cli.output import EXIT_NOTHING, EXIT_RETRY, Output
from wellread.indexing.same_history import require_belonging
from wellread.ledger.redriving import mark_for_redrive, redriven
from wellread.workspace.redriving import run_again


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
        sources = sorted({source_id for source_id, _ in marked}) if run else []
        sheets = [run_again(workspace, source_id) for source_id in sources]
        with workspace.ledger.reading() as reading:
            tried = redriven(reading, name, marked)
    output.result(
        {
            "marked": [
                {"source": item.source_id, "document": item.natural_key, "outcome": item.outcome} for item in tried
            ],
            "runs": [sheet.as_dict() for sheet in sheets],
        }
    )
    output.line(f"{len(marked)} quarantined documents are to be tried again.")
    for sheet in sheets:
        print_sheet(output, sheet)
    output.table(
        ("source", "document", "outcome", "cause", "attempts"),
        [(item.source_id, item.natural_key, item.outcome, item.cause, item.attempts) for item in tried],
    )
    if not marked:
        raise typer.Exit(EXIT_NOTHING)
    if any(sheet.outcomes.get("failed_transient") or sheet.outcomes.get("pending") for sheet in sheets):
        raise typer.Exit(EXIT_RETRY)

"""``wellread retire``."""

from __future__ import annotations

from wellread.cli.consenting import require_consent
from wellread.cli.ingesting import print_sheet
from wellread.cli.opening import opened
from wellread.cli.output import Output
from wellread.errors import PolicyError
from wellread.ledger import explanations
from wellread.upkeep.retiring import plan_retirement
from wellread.upkeep.retiring import retire as retire_source
from wellread.workspace.upkeeping import declared_ids, is_declared


def retire(output: Output, source: str, *, confirmed: bool, collection: str | None) -> None:
    """Close the documents of a source that is no longer declared."""
    with opened(output, collection=collection, with_progress=True) as workspace:
        name = workspace.settings.collection
        plan = plan_retirement(workspace.parts, name, source)
        with workspace.ledger.reading() as reading:
            row = explanations.find_source_rows(reading, name, source)[0]
        if is_declared(row, declared_ids(workspace)):
            raise PolicyError(
                f"retire the source {source!r}",
                found="it is still declared, its folder is still there, or a faulty YAML file may declare it",
                remedy="Remove its YAML file (or its folder) first; to empty a source, delete its documents there.",
            )
        if not confirmed:
            count = len(plan.removed)
            require_consent(
                output,
                f"Close all {count} documents of {source}?",
                asked=f"retire the source {source!r} and close its {count} documents",
                remedy="Confirm it with --yes.",
            )
        sheet = retire_source(workspace.parts, plan)
    output.result(
        {"source": source, "closed": len(plan.removed), "revision": None if sheet is None else sheet.revision}
    )
    if sheet is not None:
        print_sheet(output, sheet)
    output.line(f"{source} is retired. Declare and ingest it again to take it back.")

"""``wellread retire``."""

from __future__ import annotations

from wellread.cli.consenting import require_consent
from wellread.cli.ingesting import print_sheet
from wellread.cli.opening import opened
from wellread.cli.output import Output
from wellread.upkeep.retiring import plan_retirement
from wellread.upkeep.retiring import retire as retire_source
from wellread.workspace.upkeeping import require_undeclared


def retire(output: Output, source: str, *, confirmed: bool, collection: str | None) -> None:
    """Close the documents of a source that is no longer declared."""
    with opened(output, collection=collection, with_progress=True) as workspace:
        name = workspace.settings.collection
        plan = plan_retirement(workspace.parts, name, source)
        require_undeclared(workspace, source)
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

"""Balance sheets for task logs and XComs."""

from __future__ import annotations

from typing import Any

from wellread.runs import OUTCOMES, BalanceSheet

SHOWN_PROBLEMS = 50


def sheet_lines(sheet: BalanceSheet) -> list[str]:
    """The sheet as a person reads it in a log."""
    state = f"revision {sheet.revision} published" if sheet.published else "nothing to publish"
    lines = [f"{sheet.source} -> {sheet.collection}: {state} after {sheet.seconds:.1f} s, {sheet.listed} listed"]
    lines += [
        f"  {name.replace('_', ' '):<17} {sheet.outcomes[name]:>7}" for name in OUTCOMES if sheet.outcomes.get(name)
    ]
    lines.append(
        f"  parsed {sheet.parsed}; chunks: {sheet.chunks_inserted} inserted, {sheet.chunks_kept} kept, "
        f"{sheet.chunks_closed} closed; embeddings: {sheet.embeddings_computed} computed, "
        f"{sheet.embeddings_reused} reused, {sheet.embedding_tokens} tokens, "
        f"{'price unknown' if sheet.cost_usd is None else f'${sheet.cost_usd:.4f}'}; "
        f"index writes {sheet.index_writes}"
    )
    for item in sheet.problems[:SHOWN_PROBLEMS]:
        why = f"{item.get('cause')}: {item.get('found')}"
        outcome = f"{item.get('outcome')}{', hidden' if item.get('hidden') else ''}"
        lines.append(f"  {outcome}: {item.get('document')} ({why})")
    if len(sheet.problems) > SHOWN_PROBLEMS:
        lines.append(f"  ... and {len(sheet.problems) - SHOWN_PROBLEMS} more: wellread quarantine")
    lines += [f"  held: {hold.get('document')} ({hold.get('reason')})" for hold in sheet.holds[:SHOWN_PROBLEMS]]
    return [*lines, *(f"  {note}" for note in sheet.notes)]


def sheet_counts(sheet: BalanceSheet) -> dict[str, Any]:
    """The numbers alone: always small, whatever the run met."""
    whole = sheet.as_dict()
    return {name: value for name, value in whole.items() if name not in {"problems", "holds", "notes"}}

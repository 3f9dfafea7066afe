"""The balance sheet of a run: every document listed or known, in exactly one state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wellread.errors import SystemicError
from wellread.indexing.plans import Plan, RunHandle
from wellread.indexing.spending import MICRO
from wellread.ledger import vectors as ledger_vectors
from wellread.ledger.database import Transaction
from wellread.ledger.run_records import StagedRow
from wellread.runs import BalanceSheet
from wellread.telemetry.memory import peak_memory_bytes


def balance_sheet(
    tx: Transaction,
    plan: Plan,
    run: RunHandle,
    rows: Sequence[StagedRow],
    *,
    published: bool,
    seconds: float,
    healed: int,
) -> BalanceSheet:
    """Add up plan and results. Raises ``SystemicError`` if a document is lost or counted twice."""
    outcomes = _balanced(plan, rows)
    notes = list(plan.notes)
    usage = ledger_vectors.embedding_usage(tx, [run.run_id])
    if healed:
        notes.append(f"{healed} objects were missing from the vector index and were healed by a new copy.")
    return BalanceSheet(
        source=run.source_id,
        collection=run.collection,
        revision=run.revision if published else None,
        published=published,
        listed=plan.listed,
        outcomes=outcomes,
        parsed=sum(1 for row in rows if (row.detail or {}).get("parsed")),
        chunks_inserted=_total(rows, "inserted"),
        chunks_kept=_total(rows, "kept"),
        chunks_closed=_total(rows, "closed"),
        embeddings_computed=usage.texts,
        embeddings_reused=_total(rows, "reused"),
        index_writes=_total(rows, "writes"),
        seconds=seconds,
        peak_memory_bytes=peak_memory_bytes(),
        problems=(*plan.problems, *(_problem(row) for row in rows if row.state == "failed")),
        holds=plan.holds,
        notes=tuple(notes),
        embedding_tokens=usage.tokens,
        cost_usd=None if usage.cost_micro_usd is None else usage.cost_micro_usd / MICRO,
    )


def _balanced(plan: Plan, rows: Sequence[StagedRow]) -> dict[str, int]:
    outcomes = dict(plan.outcomes)
    for row in rows:
        if row.outcome is None:
            raise _unbalanced(plan, f"{row.facts['natural_key']} has no outcome")
        outcomes[row.outcome] = outcomes.get(row.outcome, 0) + 1
    if sum(outcomes.values()) != sum(plan.outcomes.values()) + len(plan.documents):
        raise _unbalanced(plan, f"{sum(outcomes.values())} outcomes for {len(plan.documents)} planned documents")
    return outcomes


def _total(rows: Sequence[StagedRow], name: str) -> int:
    return sum(int((row.detail or {}).get(name, 0)) for row in rows)


def _problem(row: StagedRow) -> Mapping[str, Any]:
    error = dict((row.detail or {}).get("error") or {})
    return {
        "document": row.facts["natural_key"],
        "outcome": row.outcome,
        "stage": row.stage,
        "cause": row.cause,
        "found": error.get("found"),
        "remedy": error.get("remedy"),
        "hidden": bool((row.detail or {}).get("hidden")),
    }


def _unbalanced(plan: Plan, found: str) -> SystemicError:
    return SystemicError(
        f"balance the run {plan.run_id} of {plan.declaration.id}",
        found=found,
        remedy="This is a fault of Wellread: nothing was published; please report it with the run's id.",
    )


def merge_waves(sheets: Sequence[BalanceSheet]) -> BalanceSheet:
    """Several waves as one run: work adds up; the last wave says what is left."""
    first, last = sheets[0], sheets[-1]
    outcomes = {
        name: sum(sheet.outcomes.get(name, 0) for sheet in sheets)
        for name in ("committed", "moved", "deleted", "gone")
    }
    # What an earlier wave committed, the last one found unchanged.
    earlier = sum(sheet.outcomes.get(name, 0) for sheet in sheets[:-1] for name in ("committed", "moved"))
    outcomes["unchanged"] = max(0, last.outcomes.get("unchanged", 0) - earlier)
    for name in ("held", "quarantined", "unsupported", "failed_transient", "pending"):
        outcomes[name] = last.outcomes.get(name, 0)
    if len(sheets) == 1:
        outcomes = dict(first.outcomes)
    published = [sheet for sheet in sheets if sheet.published]
    return BalanceSheet(
        source=first.source,
        collection=first.collection,
        revision=published[-1].revision if published else None,
        published=bool(published),
        listed=last.listed,
        outcomes=outcomes,
        parsed=sum(sheet.parsed for sheet in sheets),
        chunks_inserted=sum(sheet.chunks_inserted for sheet in sheets),
        chunks_kept=sum(sheet.chunks_kept for sheet in sheets),
        chunks_closed=sum(sheet.chunks_closed for sheet in sheets),
        embeddings_computed=sum(sheet.embeddings_computed for sheet in sheets),
        embeddings_reused=sum(sheet.embeddings_reused for sheet in sheets),
        index_writes=sum(sheet.index_writes for sheet in sheets),
        seconds=sum(sheet.seconds for sheet in sheets),
        peak_memory_bytes=max(sheet.peak_memory_bytes for sheet in sheets),
        problems=last.problems,
        holds=last.holds,
        notes=tuple(dict.fromkeys(note for sheet in sheets for note in sheet.notes)),
        embedding_tokens=sum(sheet.embedding_tokens for sheet in sheets),
        cost_usd=_sum_or_unknown([sheet.cost_usd for sheet in sheets]),
    )


def _sum_or_unknown(costs_usd: Sequence[float | None]) -> float | None:
    return None if None in costs_usd else sum(cost for cost in costs_usd if cost is not None)

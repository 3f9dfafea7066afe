"""Between the quality gate and the load: can the wave be paid as a whole? Everything is known by now."""

from __future__ import annotations

from collections.abc import Sequence

from wellread.artifacts.codec import get_json
from wellread.errors import BudgetExhaustedError
from wellread.identities import embedding_key
from wellread.indexing.content import ChunkSet
from wellread.indexing.embedding import Inputs, missing_costs
from wellread.indexing.parts import Parts
from wellread.indexing.plans import RunHandle
from wellread.indexing.spending import Purse
from wellread.ledger import revisions, run_records
from wellread.ledger import vectors as ledger_vectors
from wellread.ledger.run_records import StagedRow
from wellread.runs import UNPAID_CAUSE, BalanceSheet

UNPAID = {"state": "failed", "outcome": "pending", "stage": "embed", "cause": UNPAID_CAUSE}
"""The end of a document that waits for money."""


def set_unaffordable_aside(parts: Parts, run: RunHandle, *, tenant: str) -> int:
    """With ``when_short: stop``, leave every document that costs money pending if they cost more than is left.

    The price is a bound: tokens as ``count_tokens`` says, of distinct inputs without a vector. Returns how many
    documents were set aside; the others cost nothing.
    """
    assert run.revision is not None
    purse = Purse.of(parts, run.budget_id or run.run_id, tenant=tenant)
    left = purse.left_micro_usd()
    if parts.settings.budget.when_short != "stop" or left is None:
        return 0
    with parts.ledger.reading() as reading:
        rows = run_records.staged_documents(reading, run.collection, run.revision, state="extracted")
    costs = _costs(parts, purse, rows)
    needed = sum(costs.values())
    if needed <= left[0]:
        return 0
    error = purse.exhausted(needed_micro_usd=needed)
    with parts.ledger.transaction() as tx:
        revisions.require_open(tx, run.collection, run.revision)
        for row in rows:
            if row.doc_id in costs:
                detail = {**(row.detail or {}), "error": error.as_dict()}
                run_records.update_staged(tx, run.collection, run.revision, row.doc_id, **UNPAID, detail=detail)
    return len(costs)


def _costs(parts: Parts, purse: Purse, rows: Sequence[StagedRow]) -> dict[object, int]:
    """Micro-dollars of each document that lacks a vector, whoever pays for one that several lack."""
    costs: dict[object, int] = {}
    seen: set[str] = set()
    for row in rows:
        inputs = _inputs(parts, row)
        with parts.ledger.reading() as reading:
            known = ledger_vectors.known_keys(reading, list(inputs))
        if inputs.keys() <= known:
            continue
        costs[row.doc_id] = missing_costs(parts, purse, [inputs], known | seen)[0]
        seen.update(inputs)
    return costs


def _inputs(parts: Parts, row: StagedRow) -> Inputs:
    content = get_json(parts.artifacts, ChunkSet, row.facts["chunks_ref"])
    model_hash = parts.model_hash
    return {embedding_key(model_hash, item.embedding_input): item.embedding_input for item in content.chunks}


def budget_stop(sheet: BalanceSheet) -> BudgetExhaustedError | None:
    """The error of a run that money ended; ``None``: it did not."""
    unpaid = [problem for problem in sheet.problems if problem.get("cause") == UNPAID_CAUSE]
    if not unpaid:
        return None
    return BudgetExhaustedError(
        f"embed all documents of {sheet.source}",
        found=f"{len(unpaid)} documents wait for money, nothing of them was loaded; {unpaid[0].get('found')}",
        remedy=str(unpaid[0].get("remedy")),
    )

"""What rows of question jobs hold of budgets: reserved before they are sent, settled by what they cost.

The amount stands in the row itself, so a worker that dies leaves nothing reserved that nobody knows of: the next
claim books it as spent, because it may have been.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from wellread.ledger.budgets import reserve_in, settle_in
from wellread.ledger.database import Transaction
from wellread.ledger.question_schema import question_rows
from wellread.questions import Reservation

_NAMES_PER_QUERY = 500


def reserve(tx: Transaction, rows: Sequence[Reservation], budget: Mapping[str, int]) -> dict[str, str]:
    """Reserve for each row in all scopes of ``budget`` (scope -> limit in micro-dollars), as many as fit in order.

    Returns the rows that do not fit, by question id, with the scope that is short.
    """
    if not budget or not rows:
        return {}
    if reserve_in(tx, budget, sum(row.amount_micro_usd for row in rows)) is None:
        return {}
    short: dict[str, str] = {}
    for row in rows:
        scope = reserve_in(tx, budget, row.amount_micro_usd)
        if scope is not None:
            short[row.question_id] = scope
    return short


def settle(tx: Transaction, job_id: str, costs_micro_usd: Mapping[str, int | None]) -> None:
    """Turn the reservations of rows into what they cost; ``None``: nobody knows, all that was reserved."""
    reserved: dict[tuple[str, ...], int] = defaultdict(int)
    spent: dict[tuple[str, ...], int] = defaultdict(int)
    names = sorted(costs_micro_usd)
    for start in range(0, len(names), _NAMES_PER_QUERY):
        part = names[start : start + _NAMES_PER_QUERY]
        held = sa.and_(
            question_rows.c.job_id == job_id,
            question_rows.c.question_id.in_(part),
            question_rows.c.reserved_scopes.is_not(None),
        )
        query = sa.select(
            question_rows.c.question_id, question_rows.c.reserved_micro_usd, question_rows.c.reserved_scopes
        )
        rows = [row for row in tx.execute(query.where(held)) if row.reserved_scopes]
        if not rows:
            continue
        for row in rows:
            scopes = tuple(row.reserved_scopes)
            cost = costs_micro_usd[row.question_id]
            reserved[scopes] += row.reserved_micro_usd
            spent[scopes] += row.reserved_micro_usd if cost is None else cost
        tx.execute(sa.update(question_rows).where(held).values(reserved_micro_usd=0, reserved_scopes=sa.null()))
    for scopes in sorted(reserved):
        settle_in(tx, scopes, reserved_micro_usd=reserved[scopes], spent_micro_usd=spent[scopes])


def book_as_spent(tx: Transaction, job_id: str, question_ids: Sequence[str]) -> None:
    """Rows that may have been billed: their reservations count as spent."""
    settle(tx, job_id, dict.fromkeys(question_ids))


def free(tx: Transaction, job_id: str, question_ids: Sequence[str]) -> None:
    """Rows that cost nothing: their reservations are given back."""
    settle(tx, job_id, dict.fromkeys(question_ids, 0))

"""Budgets that cannot be raced: reserved before a call, settled after it, in whole micro-dollars.

A scope is a string: ``run:JOB``, ``day:2026-11-25``, ``tenant:NAME:2026-11-25``. Its limit is not stored: it
comes with each reservation. ``spent + reserved`` of a scope exceeds its limit only by what calls cost beyond
their own reservations. The functions ending in ``_in`` work inside the caller's transaction; scopes are always
locked in sorted order, so two workers wait for each other and never for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from wellread.errors import SystemicError
from wellread.ledger.database import Ledger, Transaction
from wellread.ledger.spend_schema import budgets
from wellread.ledger.upserts import insert_missing


@dataclass(frozen=True, slots=True)
class Budget:
    """What one scope holds, in micro-dollars."""

    reserved_micro_usd: int = 0
    spent_micro_usd: int = 0


class Budgets:
    """The budgets of a ledger. Every method is one transaction."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def reserve(self, limits: Mapping[str, int], amount_micro_usd: int) -> str | None:
        """See ``reserve_in``."""
        with self._ledger.transaction() as tx:
            return reserve_in(tx, limits, amount_micro_usd)

    def settle(self, scopes: Iterable[str], *, reserved_micro_usd: int, spent_micro_usd: int) -> None:
        """See ``settle_in``."""
        with self._ledger.transaction() as tx:
            settle_in(tx, scopes, reserved_micro_usd=reserved_micro_usd, spent_micro_usd=spent_micro_usd)

    def release(self, scopes: Iterable[str], *, reserved_micro_usd: int) -> None:
        """Give a reservation back: the call was not made."""
        self.settle(scopes, reserved_micro_usd=reserved_micro_usd, spent_micro_usd=0)

    def read(self, scopes: Iterable[str]) -> Mapping[str, Budget]:
        """What each scope holds; zeros for one that was never used."""
        with self._ledger.reading() as reading:
            return read_in(reading, scopes)


def reserve_in(tx: Transaction, limits: Mapping[str, int], amount_micro_usd: int) -> str | None:
    """Reserve the amount in every scope of ``limits`` (scope to limit in micro-dollars), or in none of them.

    ``None`` where it is reserved, else the first scope, in sorted order, that is short. What costs nothing
    always fits. Raises ``ValueError`` for a negative amount.
    """
    if amount_micro_usd < 0:
        raise ValueError(f"an amount is not negative: {amount_micro_usd}")
    if amount_micro_usd == 0:
        return None
    with tx.begin_nested() as savepoint:
        for scope in sorted(limits):
            _make_row(tx, scope)
            if not _add(tx, scope, amount_micro_usd, limit_micro_usd=limits[scope]):
                savepoint.rollback()
                return scope
    return None


def settle_in(tx: Transaction, scopes: Iterable[str], *, reserved_micro_usd: int, spent_micro_usd: int) -> None:
    """Turn a reservation into what was spent, in all scopes that it was made in.

    Spending counts even where it exceeds the reservation or the limit. Raises ``SystemicError`` where a scope
    holds less than was reserved: then it was settled before.
    """
    for scope in sorted(set(scopes)):
        _make_row(tx, scope)
        changed = tx.execute(
            sa.update(budgets)
            .where(budgets.c.scope == scope, budgets.c.reserved_micro_usd >= reserved_micro_usd)
            .values(
                reserved_micro_usd=budgets.c.reserved_micro_usd - reserved_micro_usd,
                spent_micro_usd=budgets.c.spent_micro_usd + spent_micro_usd,
            )
        ).rowcount
        if changed != 1:
            raise SystemicError(
                f"settle {reserved_micro_usd} micro-dollars of the budget {scope}",
                found="it holds fewer in reserve",
                remedy="Settle each reservation once: this one was settled before, or made in another ledger.",
            )


def read_in(tx: Transaction, scopes: Iterable[str]) -> dict[str, Budget]:
    """What each scope holds; zeros for one that was never used."""
    wanted = list(scopes)
    found = dict.fromkeys(wanted, Budget())
    for row in tx.execute(sa.select(budgets).where(budgets.c.scope.in_(wanted))):
        found[row.scope] = Budget(row.reserved_micro_usd, row.spent_micro_usd)
    return found


def _make_row(tx: Transaction, scope: str) -> None:
    insert_missing(tx, budgets, [{"scope": scope, "reserved_micro_usd": 0, "spent_micro_usd": 0}])


def _add(tx: Transaction, scope: str, amount_micro_usd: int, *, limit_micro_usd: int) -> bool:
    # One statement reads and writes: a row that another worker has changed is looked at again under its lock.
    used = budgets.c.reserved_micro_usd + budgets.c.spent_micro_usd
    update = (
        sa.update(budgets)
        .where(budgets.c.scope == scope, used + amount_micro_usd <= limit_micro_usd)
        .values(reserved_micro_usd=budgets.c.reserved_micro_usd + amount_micro_usd)
    )
    return tx.execute(update).rowcount == 1

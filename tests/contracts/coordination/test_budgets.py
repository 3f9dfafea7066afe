"""Budgets on both databases: all scopes or none, nothing settled twice, inside a caller's work too."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from wellread.errors import SystemicError
from wellread.ledger import spend_schema
from wellread.ledger.budgets import Budget, Budgets, reserve_in, settle_in
from wellread.ledger.database import Ledger

RUN, DAY, TENANT = "run:1", "day:2026-11-25", "tenant:a:2026-11-25"


@pytest.fixture
def budgets(ledger: Ledger) -> Budgets:
    return Budgets(ledger)


def test_all_scopes_are_reserved_or_none_and_the_short_one_is_named(budgets: Budgets) -> None:
    limits = {TENANT: 1000, RUN: 100, DAY: 60}
    assert budgets.reserve(limits, 50) is None
    assert budgets.reserve(limits, 20) == DAY
    assert budgets.reserve({**limits, DAY: 1000}, 60) == RUN
    assert budgets.read(limits) == dict.fromkeys(limits, Budget(reserved_micro_usd=50))
    assert budgets.reserve(limits, 10) is None
    assert budgets.reserve(limits, 1) == DAY


def test_a_settled_reservation_leaves_what_was_not_spent(budgets: Budgets) -> None:
    assert budgets.reserve({RUN: 100}, 100) is None
    budgets.settle([RUN], reserved_micro_usd=100, spent_micro_usd=30)
    assert budgets.read([RUN]) == {RUN: Budget(reserved_micro_usd=0, spent_micro_usd=30)}
    assert budgets.reserve({RUN: 100}, 71) == RUN
    assert budgets.reserve({RUN: 100}, 70) is None
    budgets.release([RUN], reserved_micro_usd=70)
    assert budgets.read([RUN]) == {RUN: Budget(spent_micro_usd=30)}


def test_what_a_call_cost_beyond_its_reservation_counts_and_stops_the_next_one(budgets: Budgets) -> None:
    assert budgets.reserve({RUN: 100}, 90) is None
    budgets.settle([RUN], reserved_micro_usd=90, spent_micro_usd=120)
    assert budgets.read([RUN]) == {RUN: Budget(spent_micro_usd=120)}
    assert budgets.reserve({RUN: 100}, 1) == RUN
    assert budgets.reserve({RUN: 100}, 0) is None  # costs nothing


def test_a_reservation_cannot_be_settled_twice(budgets: Budgets) -> None:
    assert budgets.reserve({RUN: 100, DAY: 100}, 40) is None
    budgets.settle([DAY], reserved_micro_usd=40, spent_micro_usd=40)
    with pytest.raises(SystemicError, match="settled before"):
        budgets.settle([RUN, DAY], reserved_micro_usd=40, spent_micro_usd=40)
    assert budgets.read([RUN, DAY]) == {RUN: Budget(reserved_micro_usd=40), DAY: Budget(spent_micro_usd=40)}


def test_spending_without_a_reservation_is_booked(budgets: Budgets) -> None:
    budgets.settle([RUN], reserved_micro_usd=0, spent_micro_usd=7)
    assert budgets.read([RUN, DAY]) == {RUN: Budget(spent_micro_usd=7), DAY: Budget()}


def test_amounts_are_not_negative_and_may_be_large(budgets: Budgets) -> None:
    with pytest.raises(ValueError, match="negative"):
        budgets.reserve({RUN: 100}, -1)
    billion_usd = 10**15
    assert budgets.reserve({RUN: billion_usd}, billion_usd) is None
    assert budgets.reserve({RUN: billion_usd}, 1) == RUN


def test_inside_a_callers_transaction_a_short_budget_undoes_only_itself(ledger: Ledger, budgets: Budgets) -> None:
    with ledger.transaction() as tx:
        settle_in(tx, [TENANT], reserved_micro_usd=0, spent_micro_usd=5)
        assert reserve_in(tx, {DAY: 100, RUN: 10}, 50) == RUN
        assert reserve_in(tx, {DAY: 100, RUN: 60}, 50) is None
    assert budgets.read([DAY, RUN, TENANT]) == {
        DAY: Budget(reserved_micro_usd=50),
        RUN: Budget(reserved_micro_usd=50),
        TENANT: Budget(spent_micro_usd=5),
    }


def test_a_callers_transaction_that_fails_reserves_nothing(ledger: Ledger, budgets: Budgets) -> None:
    with pytest.raises(RuntimeError), ledger.transaction() as tx:
        assert reserve_in(tx, {RUN: 100}, 50) is None
        raise RuntimeError
    assert budgets.read([RUN]) == {RUN: Budget()}


def test_threads_that_reserve_at_once_get_exactly_what_is_there(budgets: Budgets) -> None:
    gate = threading.Barrier(8)

    def spend(number: int) -> int:
        gate.wait()
        scopes = [RUN, DAY, TENANT] if number % 2 else [TENANT, DAY, RUN]
        return sum(budgets.reserve(dict.fromkeys(scopes, 1000), 90) is None for _ in range(4))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(spend, range(8))) == 11
    assert budgets.read([RUN, DAY, TENANT]) == dict.fromkeys([RUN, DAY, TENANT], Budget(reserved_micro_usd=990))


def test_the_migration_makes_the_tables_that_the_schema_says(ledger: Ledger) -> None:
    ours = {spend_schema.budgets.name, spend_schema.rate_limits.name}

    def is_ours(item: object, name: str | None, kind: str, *_: object) -> bool:
        table = name if kind == "table" else getattr(getattr(item, "table", None), "name", None)
        return table in ours

    with ledger.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": is_ours, "compare_type": True})
        assert compare_metadata(context, spend_schema.metadata) == []
        assert ours <= set(sa.inspect(connection).get_table_names())

"""Eight processes spend one budget: spent and reserved together never exceed it, and none of it is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wellread.ledger.budgets import Budget, Budgets
from wellread.ledger.database import Ledger

RESERVE = 1000
"""Micro-dollars: the most that one call may cost."""
CALLS = 480
DAY, TENANT = "day:2026-11-25", "tenant:a:2026-11-25"


def observed_together(
    at_work: Callable[..., Any],
    results_of: Callable[..., Any],
    url: str,
    tasks: list[dict[str, Any]],
    scopes: list[str],
) -> tuple[list[dict[str, int]], list[dict[str, Budget]]]:
    """What each worker spent, and what was read while they were at work and after it."""
    ledger = Ledger.open(url)
    budgets, seen = Budgets(ledger), []
    with at_work("spending_worker.py", [url], tasks) as workers:
        while any(worker.poll() is None for worker in workers):
            seen.append(dict(budgets.read(scopes)))
        results = results_of(workers)
    seen.append(dict(budgets.read(scopes)))
    ledger.close()
    return results, seen


def test_half_the_price_is_never_exceeded_by_a_call_and_is_used_up(
    ledger_url: str, at_work: Callable[..., Any], results_of: Callable[..., Any]
) -> None:
    """Every call costs what was reserved or less."""
    price = CALLS * RESERVE
    limit = price // 2
    tasks = [
        {"seed": seed, "limits": {"run:1": limit}, "reserve": RESERVE, "costs": [500, RESERVE], "calls": CALLS // 4}
        for seed in range(8)
    ]
    results, seen = observed_together(at_work, results_of, ledger_url, tasks, ["run:1"])
    used = [one["run:1"].reserved_micro_usd + one["run:1"].spent_micro_usd for one in seen]
    assert max(used) <= limit
    last = seen[-1]["run:1"]
    assert last == Budget(0, sum(result["spent"] for result in results))
    # Who was refused met at most seven reservations of the others, and those came back smaller.
    assert limit - 8 * RESERVE < last.spent_micro_usd <= limit


def test_calls_that_cost_more_than_reserved_exceed_the_budget_by_no_more_than_that(
    ledger_url: str, at_work: Callable[..., Any], results_of: Callable[..., Any]
) -> None:
    limit, most = 60 * RESERVE, 2 * RESERVE
    tasks = [
        {"seed": seed, "limits": {"run:1": limit}, "reserve": RESERVE, "costs": [most, most], "calls": 100}
        for seed in range(8)
    ]
    results, seen = observed_together(at_work, results_of, ledger_url, tasks, ["run:1"])
    assert max(one["run:1"].spent_micro_usd for one in seen) <= limit + 8 * (most - RESERVE)
    assert seen[-1]["run:1"] == Budget(0, sum(result["spent"] for result in results))


def test_scopes_in_any_order_wait_for_each_other_and_never_for_ever(
    ledger_url: str, at_work: Callable[..., Any], results_of: Callable[..., Any]
) -> None:
    """Runs of their own, one day and one tenant; the tenant is the one that is short."""
    runs = [f"run:{seed}" for seed in range(8)]
    tasks = [
        {
            "seed": seed,
            "limits": {run: 30 * RESERVE, DAY: 200 * RESERVE, TENANT: 100 * RESERVE},
            "reserve": RESERVE,
            "costs": [RESERVE, RESERVE],
            "calls": 100,
        }
        for seed, run in enumerate(runs)
    ]
    results, seen = observed_together(at_work, results_of, ledger_url, tasks, [*runs, DAY, TENANT])
    last = seen[-1]
    assert sum(result["calls"] for result in results) == 100
    assert last[DAY] == last[TENANT] == Budget(0, 100 * RESERVE)
    assert [last[run] for run in runs] == [Budget(0, result["spent"]) for result in results]
    assert all(last[run].spent_micro_usd <= 30 * RESERVE for run in runs)


def test_what_a_killed_worker_had_reserved_is_settled_by_who_knows_the_amount(
    ledger_url: str, at_work: Callable[..., Any]
) -> None:
    endless = {"seed": 1, "limits": {"run:1": 10**12}, "reserve": RESERVE, "costs": [0, 0], "calls": 10**9}
    ledger = Ledger.open(ledger_url)
    budgets = Budgets(ledger)
    with at_work("spending_worker.py", [ledger_url], [endless]) as (worker,):
        while budgets.read(["run:1"])["run:1"] == Budget():  # until a reservation is seen
            pass
        worker.kill()
        worker.wait()
    held = budgets.read(["run:1"])["run:1"].reserved_micro_usd
    assert held in {0, RESERVE}  # nothing half: the call was settled, or it was not
    budgets.settle(["run:1"], reserved_micro_usd=held, spent_micro_usd=held)
    assert budgets.read(["run:1"]) == {"run:1": Budget(0, held)}
    ledger.close()

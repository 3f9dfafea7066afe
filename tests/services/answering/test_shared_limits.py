"""Many workers on one account and one budget: the rate holds, the money holds, and no row is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from wellread.testing.postgres_server import empty_database
from wellread.testing.provider_server import Admission, FaultRate, RateLimits, provider_process

Start = Any
Output = Callable[["subprocess.Popen[str]"], Any]
WINDOW_SECONDS = 2.0


@pytest.fixture
def ledger_url(postgres_url: str) -> str:
    """An empty database of its own."""
    return empty_database(postgres_url)


def most_in_a_window(admissions: list[Admission], seconds: float) -> int:
    times = sorted(admission.at_seconds for admission in admissions)
    first = most = 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.postgres
@pytest.mark.parametrize("backend", ["ledger", "redis"])
def test_two_workers_under_refusals_lose_no_row_and_keep_the_rate(
    backend: str, start: Start, output_of: Output, ledger_url: str, request: pytest.FixtureRequest
) -> None:
    """30 % of the requests are refused, 5 % fail; the server counts what it lets through by itself."""
    limiter = backend if backend == "ledger" else request.getfixturevalue("redis_url")
    per_second = 20
    limits = RateLimits(requests_per_window=per_second * 60, requests_burst=20)
    with provider_process(limits=limits) as server:
        server.behave(
            rates=(FaultRate(kind="rate_limited", ratio=0.3), FaultRate(kind="server_error", ratio=0.05)), seed=5
        )
        common = {"url": server.openai_url, "ledger_url": ledger_url, "limiter": limiter}
        common |= {"requests_per_minute": per_second * 60, "question_count": 100}
        plans = [start.plan(first_number=first, **common) for first in (0, 100)]
        workers = [start("execute", plan=plan, **common) for plan in plans]
        outputs = [output_of(worker) for worker in workers]
        assert [output["report"]["statuses"] for output in outputs] == [{"answered": 100}] * 2
        meter = server.meter()
        assert len(meter.billed) == meter.billed_count == 200
        assert most_in_a_window(server.admissions(), WINDOW_SECONDS) <= per_second * WINDOW_SECONDS + 20


@pytest.mark.postgres
def test_eight_workers_never_spend_more_than_the_budget(start: Start, output_of: Output, ledger_url: str) -> None:
    """Half the price of all questions; each worker has questions of its own, the day's budget is one."""
    with provider_process() as server:
        server.behave(latency_seconds=0.02)
        common = {"url": server.openai_url, "ledger_url": ledger_url, "concurrency": 4, "question_count": 25}
        plan = start.plan(**(common | {"question_count": 20, "first_number": 5000}))
        price = output_of(start("execute", plan=plan, **common))["report"]["cost_usd"] / 20
        server.reset()
        budget = round(price * 200 / 2, 6)
        plans = [start.plan(first_number=number * 25, **common) for number in range(8)]
        workers = [start("execute", plan=plan, day_usd=budget, **common) for plan in plans]
        outputs = [output_of(worker) for worker in workers]
        spent = server.meter().cost_usd
        one_reservation = 1e-6 * (2_000 * 0.15 + 256 * 0.6)
        assert spent <= budget + one_reservation
        assert spent >= 0.5 * budget
        statuses = [status for output in outputs for _, status, *_ in output["answers"]]
        assert len(statuses) == 200
        assert set(statuses) == {"answered", "budget"}


def test_a_deferred_job_says_when_to_come_back_and_goes_on(start: Start, output_of: Output) -> None:
    with provider_process() as server:
        common = {"url": server.openai_url, "question_count": 20}
        plan = start.plan(**common)
        worker = start("execute", plan=plan, day_usd=0.0012, on_budget="defer", **common)
        worker.communicate(timeout=300)
        assert worker.returncode != 0
        billed = server.meter().billed_count
        assert 0 < billed < 20
        output = output_of(start("execute", plan=plan, **common))
        assert output["report"]["statuses"] == {"answered": 20}
        assert server.meter().billed_count == 20


def test_a_short_budget_is_stretched_by_the_cheaper_model(start: Start, output_of: Output) -> None:
    """Less than one reservation of the model that answers, enough for all of the cheaper one."""
    with provider_process() as server:
        common = {"url": server.openai_url, "question_count": 10, "concurrency": 1}
        plan = start.plan(**common)
        options = {"run_usd": 0.0004, "on_budget": "degrade", "degraded_model": "cheap"}
        output = output_of(start("execute", plan=plan, **options, **common))
        assert output["report"]["statuses"] == {"answered": 10}
        assert output["report"]["flags"] == {"degraded": 10}
        assert {row.model for row in server.meter().billed.values()} == {"cheap"}


def test_rows_without_money_say_so_and_are_asked_when_there_is_some(start: Start, output_of: Output) -> None:
    with provider_process() as server:
        common = {"url": server.openai_url, "question_count": 10}
        plan = start.plan(**common)
        output = output_of(start("execute", plan=plan, run_usd=0.0, **common))
        assert output["report"]["statuses"] == {"budget": 10}
        assert server.meter().billed_count == 0

"""Provider batches: killed at any moment, nothing is submitted twice; what one lacks is asked directly."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from wellread.testing.provider_server import BatchFault, BatchFaultKind, ProviderServer, provider_process

Start = Any
Output = Callable[["subprocess.Popen[str]"], Any]


def execute(start: Start, plan: str, **options: Any) -> subprocess.Popen[str]:
    return start("execute", plan=plan, sending="batch", **options)


def test_a_batch_costs_half_and_every_row_is_answered(
    start: Start, output_of: Output, provider: ProviderServer
) -> None:
    plan = start.plan(question_count=40)
    output = output_of(execute(start, plan))
    assert output["report"]["statuses"] == {"answered": 40}
    meter = provider.meter()
    assert {row.batch_times for row in meter.billed.values()} == {1}
    assert output["report"]["cost_usd"] == pytest.approx(meter.cost_usd, rel=0.05)
    assert output["report"]["maybe_billed"] == []


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.torture)])
def test_killed_at_random_moments_nothing_is_billed_twice(
    seed: int, start: Start, output_of: Output, provider: ProviderServer
) -> None:
    draw = random.Random(seed)
    provider.behave(batch_seconds=1.5)
    plan = start.plan(question_count=300)
    for _ in range(3):
        worker = execute(start, plan)
        time.sleep(draw.uniform(1.5, 6.0))
        worker.kill()
        worker.communicate()
    output = output_of(execute(start, plan))
    assert output["report"]["statuses"] == {"answered": 300}
    meter = provider.meter()
    assert len(meter.billed) == 300
    assert meter.repeated == {}


@pytest.mark.parametrize("kind", ["out_of_order", "duplicated", "foreign", "expired", "missing", "failed_line"])
def test_whatever_a_batch_gives_back_every_row_ends(
    kind: BatchFaultKind, start: Start, output_of: Output, provider: ProviderServer
) -> None:
    provider.behave(batch_faults=(BatchFault(kind=kind, lines=3),))
    plan = start.plan(question_count=20)
    output = output_of(execute(start, plan))
    assert output["report"]["statuses"] == {"answered": 20}
    for name, _, answer, *_ in output["answers"]:
        assert f"house {name.removeprefix('q')} " in answer


def test_waves_keep_below_the_limit_of_enqueued_tokens(start: Start, output_of: Output) -> None:
    with provider_process(enqueued_tokens=30_000) as server:
        server.behave(batch_seconds=0.3)
        plan = start.plan(url=server.openai_url, question_count=100)
        output = output_of(execute(start, plan, url=server.openai_url))
        assert output["report"]["statuses"] == {"answered": 100}
        batches = [request for request in server.requests() if request.path.endswith("/batches")]
        assert len([request for request in batches if request.method == "POST"]) >= 2
        assert server.meter().repeated == {}


def test_a_batch_that_is_refused_as_a_whole_is_asked_directly(
    start: Start, output_of: Output, provider: ProviderServer
) -> None:
    provider.behave(batch_faults=(BatchFault(kind="rejected", times=5),))
    plan = start.plan(question_count=15)
    output = output_of(execute(start, plan))
    assert output["report"]["statuses"] == {"answered": 15}
    assert {row.batch_times for row in provider.meter().billed.values()} == {0}

"""Jobs that pay: killed at any moment, edited, refused, out of money. The server's meter is the judge."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from wellread.testing.provider_server import Fault, FaultRate, ProviderServer

Start = Any
Output = Callable[["subprocess.Popen[str]"], Any]
CONCURRENCY = 8


def kill_at(worker: subprocess.Popen[str], server: ProviderServer, billed_count: int) -> None:
    while server.meter().billed_count < billed_count and worker.poll() is None:
        time.sleep(0.01)
    worker.kill()
    worker.communicate()


def check_answers(output: Any, count: int) -> None:
    assert output["report"]["row_count"] == count
    assert output["report"]["statuses"] == {"answered": count}
    assert [answer[0] for answer in output["answers"]] == [f"q{number}" for number in range(count)]
    for name, _, answer, *_ in output["answers"]:
        assert f"house {name.removeprefix('q')} " in answer


def check_bills(output: Any, server: ProviderServer, count: int, kills: int) -> None:
    """Nothing is billed twice but what was in flight at a kill, and all of that is listed."""
    meter = server.meter()
    assert len(meter.billed) == count
    repeated = meter.repeated
    assert sum(row.times - 1 for row in repeated.values()) <= kills * CONCURRENCY
    listed = {int(name.removeprefix("q")) for name in output["report"]["maybe_billed"]}
    asked = {int("".join(c for c in row.question if c.isdigit())) for row in repeated.values()}
    assert asked <= listed
    assert len(listed) <= kills * CONCURRENCY


def run_and_kill(
    start: Start, output_of: Output, server: ProviderServer, *, count: int, points: list[int], sending: str
) -> Any:
    plan = start.plan(question_count=count)
    for point in points:
        kill_at(start("execute", plan=plan, sending=sending, concurrency=CONCURRENCY), server, point)
    return output_of(start("execute", plan=plan, sending=sending, concurrency=CONCURRENCY))


def test_a_thousand_questions_killed_at_nine_hundred(
    start: Start, output_of: Output, provider: ProviderServer
) -> None:
    output = run_and_kill(start, output_of, provider, count=1000, points=[900], sending="direct")
    check_answers(output, 1000)
    check_bills(output, provider, 1000, kills=1)
    assert output["report"]["sent_count"] <= 100 + CONCURRENCY


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.torture)])
def test_killed_at_random_points(seed: int, start: Start, output_of: Output, provider: ProviderServer) -> None:
    draw = random.Random(seed)
    points = sorted(draw.sample(range(1, 120), 3))
    output = run_and_kill(start, output_of, provider, count=120, points=points, sending="direct")
    check_answers(output, 120)
    check_bills(output, provider, 120, kills=3)


def test_an_edited_question_is_one_bill_and_an_edited_document_those_that_it_answers(
    start: Start, output_of: Output, provider: ProviderServer
) -> None:
    for options, billed in (({}, 60), ({"edited_question": 7}, 61), ({"edited_document": 9}, 62), ({}, 62)):
        plan = start.plan(question_count=60, **options)
        output = output_of(start("execute", plan=plan, **options))
        assert output["report"]["statuses"] == {"answered": 60}
        assert provider.meter().billed_count == billed
    assert output["report"]["reused_count"] == 0  # the very plan of the first time: its rows are final
    assert output["report"]["resumed_count"] == 60


def test_what_is_refused_and_broken_is_asked_again_and_nothing_is_lost(
    start: Start, output_of: Output, provider: ProviderServer
) -> None:
    provider.behave(
        rates=(FaultRate(kind="rate_limited", ratio=0.3), FaultRate(kind="server_error", ratio=0.05)), seed=3
    )
    plan = start.plan(question_count=200)
    output = output_of(start("execute", plan=plan, limiter="memory"))
    check_answers(output, 200)
    assert provider.meter().billed_count == 200
    assert output["report"]["maybe_billed"] == []


def test_an_answer_cut_after_billing_is_listed_and_asked_again(
    start: Start, output_of: Output, provider: ProviderServer
) -> None:
    provider.behave(Fault(kind="cut_after_billing", skip=5, times=3))
    plan = start.plan(question_count=30)
    output = output_of(start("execute", plan=plan))
    check_answers(output, 30)
    assert len(output["report"]["maybe_billed"]) == 3
    assert output["report"]["flags"]["maybe_billed"] == 3
    assert provider.meter().billed_count == 33


def test_a_reply_that_breaks_the_schema_is_mended_once(
    start: Start, output_of: Output, provider: ProviderServer
) -> None:
    provider.behave(Fault(kind="off_schema", skip=2, times=2), Fault(kind="invalid_json", times=1))
    plan = start.plan(question_count=20)
    output = output_of(start("execute", plan=plan, concurrency=1))
    statuses = output["report"]["statuses"]
    assert statuses["answered"] >= 18
    assert output["report"]["flags"]["repaired"] >= 1
    assert sum(statuses.values()) == 20


def test_another_model_answers_where_the_first_has_no_quota(
    start: Start, output_of: Output, provider: ProviderServer
) -> None:
    provider.behave(Fault(kind="insufficient_quota", match='"tester"', times=1000))
    plan = start.plan(question_count=12)
    output = output_of(start("execute", plan=plan, fallback_model="understudy"))
    check_answers(output, 12)
    assert {answer[4] for answer in output["answers"]} == {"understudy"}
    assert output["report"]["flags"] == {"fallback": 12}

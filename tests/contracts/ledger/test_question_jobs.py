"""Question rows: states forward only, claims that fence, responses that are found again; on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from wellread.errors import LeaseHeldError, SystemicError
from wellread.ledger.budgets import Budget, Budgets
from wellread.ledger.database import Ledger
from wellread.ledger.question_jobs import QuestionJobs
from wellread.questions import BatchRecord, Reservation, StoredResponse, Usage

ROWS = [("q1", "k1"), ("q2", "k2"), ("q3", "k3")]


@pytest.fixture
def jobs(ledger: Ledger) -> QuestionJobs:
    found = QuestionJobs(ledger, lease_seconds=30.0)
    found.open_job("job", tenant="t", plan_reference="plan", rows=ROWS)
    return found


def states(jobs: QuestionJobs) -> list[str]:
    return [row.state for row in jobs.read_rows("job")]


def test_rows_keep_their_order_and_opening_twice_changes_nothing(jobs: QuestionJobs) -> None:
    jobs.open_job("job", tenant="t", plan_reference="plan", rows=ROWS)
    assert [(row.position, row.question_id) for row in jobs.read_rows("job")] == [(0, "q1"), (1, "q2"), (2, "q3")]
    with pytest.raises(SystemicError, match="another plan"):
        jobs.open_job("job", tenant="t", plan_reference="plan", rows=ROWS[:2])
    assert list(jobs.read_rows("unknown")) == []


def send(jobs: QuestionJobs, token: int, *names: str, cost: int = 0, **budget: int) -> Any:
    limits = {f"run:{name}": limit for name, limit in budget.items()}
    return jobs.send_rows("job", token=token, rows=[Reservation(name, cost) for name in names], budget=limits)


def answer(jobs: QuestionJobs, token: int, cost: int | None = 0, **references: str) -> None:
    keys = dict(ROWS)
    found = {
        name: (keys[name], StoredResponse(reference, Usage(10, 2, 1), cost))
        for name, reference in references.items()
    }
    jobs.record_responses("job", token=token, model="m", found=found)


def test_rows_move_forward_only_and_all_or_none(jobs: QuestionJobs) -> None:
    token = jobs.claim_job("job", owner="me", lease_seconds=30.0)
    assert send(jobs, token, "q1") == {}
    with pytest.raises(SystemicError):
        send(jobs, token, "q2", "q1")
    assert states(jobs) == ["sent", "planned", "planned"]
    answer(jobs, token, q1="raw/1", q2="raw/2")
    assert states(jobs) == ["received", "planned", "planned"]
    jobs.finish_rows("job", token=token, finals={"q1": ("answered", "{}")})
    jobs.finish_rows("job", token=token, finals={"q1": ("abstained", "[]")})
    assert jobs.read_rows("job")[0].final_json == "{}"
    with pytest.raises(SystemicError):
        send(jobs, token, "q1")


def test_responses_are_found_by_their_tenant_and_key(jobs: QuestionJobs) -> None:
    token = jobs.claim_job("job", owner="me", lease_seconds=30.0)
    send(jobs, token, "q1", "q2")
    answer(jobs, token, 7, q1="raw/1")
    found = jobs.find_responses(tenant="t", request_keys=["k1", "k2"])
    assert found == {"k1": StoredResponse("raw/1", Usage(10, 2, 1), 7)}
    assert jobs.find_responses(tenant="other", request_keys=["k1"]) == {}
    assert jobs.mean_output_tokens("m") == 2.0
    assert jobs.mean_output_tokens("unknown") is None


def test_a_new_claim_takes_back_what_was_in_flight_and_fences_the_old_one(jobs: QuestionJobs) -> None:
    old = jobs.claim_job("job", owner="me", lease_seconds=0.0)
    send(jobs, old, "q1")
    new = jobs.claim_job("job", owner="me", lease_seconds=30.0)
    assert new > old
    rows = jobs.read_rows("job")
    assert [(row.state, row.maybe_billed, row.attempts_count) for row in rows] == [
        ("planned", True, 1),
        ("planned", False, 0),
        ("planned", False, 0),
    ]
    for write in (
        lambda: send(jobs, old, "q1"),
        lambda: answer(jobs, old, q1="raw"),
        lambda: jobs.return_rows("job", token=old, rows={"q1": False}),
        lambda: jobs.finish_rows("job", token=old, finals={"q1": ("answered", "{}")}),
        lambda: jobs.renew_job("job", token=old),
    ):
        with pytest.raises(LeaseHeldError):
            write()
    assert states(jobs) == ["planned"] * 3
    assert set(jobs.find_responses(tenant="t", request_keys=["k1"])) == {"k1"}  # too late, but paid for
    jobs.release_job("job", token=old)
    with pytest.raises(LeaseHeldError):
        jobs.claim_job("job", owner="other", lease_seconds=30.0)
    jobs.release_job("job", token=new)
    assert jobs.claim_job("job", owner="other", lease_seconds=30.0) > new


def test_what_is_not_reserved_is_not_sent(jobs: QuestionJobs, ledger: Ledger) -> None:
    token = jobs.claim_job("job", owner="me", lease_seconds=30.0)
    assert send(jobs, token, "q1", "q2", "q3", cost=40, small=100) == {"q3": "run:small"}
    assert states(jobs) == ["sent", "sent", "planned"]
    answer(jobs, token, 15, q1="raw/1")
    jobs.return_rows("job", token=token, rows={"q2": False})
    assert Budgets(ledger).read(["run:small"])["run:small"] == Budget(0, 15)
    assert send(jobs, token, "q2", "q3", cost=40, small=100) == {}


def test_what_may_have_been_billed_counts_as_spent(jobs: QuestionJobs, ledger: Ledger) -> None:
    token = jobs.claim_job("job", owner="me", lease_seconds=0.0)
    send(jobs, token, "q1", "q2", "q3", cost=40, small=200)
    answer(jobs, token, None, q1="raw/1")
    jobs.return_rows("job", token=token, rows={"q2": True})
    assert Budgets(ledger).read(["run:small"])["run:small"] == Budget(40, 80)
    jobs.claim_job("job", owner="me", lease_seconds=30.0)
    assert Budgets(ledger).read(["run:small"])["run:small"] == Budget(0, 120)
    assert [row.maybe_billed for row in jobs.read_rows("job")] == [False, True, True]


def test_a_batch_is_written_down_before_it_is_submitted_and_outlives_its_worker(jobs: QuestionJobs) -> None:
    token = jobs.claim_job("job", owner="me", lease_seconds=0.0)
    record = BatchRecord("job-1", "intended", None, 500, "m")
    rows = [Reservation("q1", 40), Reservation("q2", 40), Reservation("q3", 40)]
    short = jobs.intend_batch("job", token=token, batch=record, rows=rows, budget={"run:small": 100})
    assert short == {"q3": "run:small"}
    assert states(jobs) == ["reserved", "reserved", "planned"]
    token = jobs.claim_job("job", owner="me", lease_seconds=0.0)
    assert states(jobs) == ["reserved", "reserved", "planned"]
    jobs.note_submission("job", token=token, batch_key="job-1", provider_id="batch_9")
    token = jobs.claim_job("job", owner="me", lease_seconds=30.0)
    assert states(jobs) == ["sent", "sent", "planned"]
    assert jobs.read_batches("job") == [BatchRecord("job-1", "submitted", "batch_9", 500, "m")]
    assert jobs.enqueued_tokens("m") == 500
    answer(jobs, token, 20, q1="raw/1")
    jobs.return_rows("job", token=token, rows={"q2": False}, was_sent=False)
    jobs.close_batch("job", token=token, batch_key="job-1", state="collected")
    rows_now = jobs.read_rows("job")
    assert [(row.state, row.batch_key, row.attempts_count) for row in rows_now] == [
        ("received", None, 1),
        ("planned", None, 0),
        ("planned", None, 0),
    ]
    assert jobs.enqueued_tokens("m") == 0


def test_a_batch_that_must_have_ended_long_ago_holds_no_tokens(jobs: QuestionJobs, ledger: Ledger) -> None:
    token = jobs.claim_job("job", owner="me", lease_seconds=30.0)
    record = BatchRecord("job-1", "intended", None, 500, "m")
    jobs.intend_batch("job", token=token, batch=record, rows=[Reservation("q1")], budget={})
    assert jobs.enqueued_tokens("m") == 500
    with ledger.transaction() as tx:
        tx.execute(sa.text("update question_batches set created_at = created_at - 2 * 86400"))
    assert jobs.enqueued_tokens("m") == 0


def test_the_last_results_of_a_job_are_remembered_by_its_name(jobs: QuestionJobs) -> None:
    assert jobs.last_results("nightly") is None
    jobs.remember_results("nightly", "results/1")
    jobs.remember_results("nightly", "results/2")
    assert jobs.last_results("nightly") == "results/2"


def test_one_of_many_claims_a_job(jobs: QuestionJobs) -> None:
    gate = threading.Barrier(5)

    def claim(number: int) -> int | None:
        gate.wait()
        try:
            return jobs.claim_job("job", owner=f"worker {number}", lease_seconds=30.0)
        except LeaseHeldError as error:
            assert error.retry_after_seconds is None or error.retry_after_seconds > 0
            return None

    with ThreadPoolExecutor(5) as pool:
        tokens = [token for token in pool.map(claim, range(5)) if token is not None]
    assert len(tokens) == 1


def test_an_unfinished_plan_is_found_again_until_it_is_finished(jobs: QuestionJobs) -> None:
    assert jobs.unfinished_plan("input") is None
    jobs.remember_plan("input", "plan", finished=False)
    assert jobs.unfinished_plan("input") == "plan"
    jobs.remember_plan("input", "plan", finished=True)
    assert jobs.unfinished_plan("input") is None


def test_an_unknown_job_cannot_be_claimed(jobs: QuestionJobs) -> None:
    with pytest.raises(SystemicError, match="does not know"):
        jobs.claim_job("nobody", owner="me", lease_seconds=1.0)

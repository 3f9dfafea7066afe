"""Question rows: states forward only, claims that fence, responses that are found again; on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from wellread.errors import LeaseHeldError, SystemicError
from wellread.ledger.database import Ledger
from wellread.ledger.question_jobs import QuestionJobs

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


def test_rows_move_forward_only_and_all_or_none(jobs: QuestionJobs) -> None:
    token = jobs.claim_job("job", owner="me", lease_seconds=30.0)
    jobs.advance_rows("job", token=token, question_ids=["q1"], state="reserved")
    with pytest.raises(SystemicError):
        jobs.advance_rows("job", token=token, question_ids=["q2", "q1"], state="reserved")
    assert states(jobs) == ["reserved", "planned", "planned"]
    jobs.advance_rows("job", token=token, question_ids=["q1"], state="sent")
    jobs.record_responses("job", token=token, references={"q1": "raw/1", "q2": "raw/2"})
    assert states(jobs) == ["received", "planned", "planned"]
    assert jobs.find_responses(tenant="t", request_keys=["k1", "k2"]) == {"k1": "raw/1"}
    assert jobs.find_responses(tenant="other", request_keys=["k1"]) == {}
    jobs.finish_rows("job", token=token, finals={"q1": ("answered", "{}")})
    jobs.finish_rows("job", token=token, finals={"q1": ("abstained", "[]")})
    assert jobs.read_rows("job")[0].final_json == "{}"


def test_a_new_claim_takes_back_what_was_in_flight_and_fences_the_old_one(jobs: QuestionJobs) -> None:
    old = jobs.claim_job("job", owner="me", lease_seconds=0.0)
    jobs.advance_rows("job", token=old, question_ids=["q1", "q2"], state="reserved")
    jobs.advance_rows("job", token=old, question_ids=["q1"], state="sent")
    new = jobs.claim_job("job", owner="me", lease_seconds=30.0)
    assert new > old
    rows = jobs.read_rows("job")
    assert [(row.state, row.maybe_billed) for row in rows] == [
        ("planned", True),
        ("planned", False),
        ("planned", False),
    ]
    for write in (
        lambda: jobs.advance_rows("job", token=old, question_ids=["q1"], state="reserved"),
        lambda: jobs.record_responses("job", token=old, references={"q1": "raw"}),
        lambda: jobs.finish_rows("job", token=old, finals={"q1": ("answered", "{}")}),
    ):
        with pytest.raises(LeaseHeldError):
            write()
    jobs.release_job("job", token=old)
    with pytest.raises(LeaseHeldError):
        jobs.claim_job("job", owner="other", lease_seconds=30.0)
    jobs.release_job("job", token=new)
    assert jobs.claim_job("job", owner="other", lease_seconds=30.0) > new


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

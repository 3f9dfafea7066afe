"""A question job pays once for each row, survives its death at any moment, and ends with one row a question."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from wellread.answering.extractive.maker import ExtractiveAnswerer
from wellread.answering.jobs.planning import load_plan, plan_job, store_plan
from wellread.answering.jobs.plans import JobPlan
from wellread.answering.jobs.rows import Withdrawn
from wellread.answering.jobs.running import Resources, execute_job, finish_job
from wellread.answering.protocol import AnswerRequest
from wellread.answering.settings import AnsweringSettings
from wellread.artifacts.folder import FolderArtifacts
from wellread.errors import AuthenticationError, DocumentError, LeaseHeldError, SystemicError
from wellread.ledger.question_jobs import QuestionJobs
from wellread.questions import Question

QUESTIONS = [
    Question("q1", "How long does a loan last?", {"team": "desk"}),
    Question("q2", "When does the reading room open on Saturdays?"),
    Question("q3", "Who discovered penicillin in London?"),
    Question("q4", "   "),
    Question("q5", "What does a late book cost a day?"),
]
Run = Callable[..., Any]


@pytest.fixture
def run(ledger: QuestionJobs, artifacts: FolderArtifacts) -> Run:
    def execute(reference: str, maker: Any, **changes: Any) -> Any:
        options: dict[str, Any] = {
            "settings": AnsweringSettings(batch_rows_count=2),
            "threshold_ratio": 0.3,
            "owner": "worker",
            **{name: value for name, value in changes.items() if name != "withdrawn"},
        }
        held = {name: value for name, value in changes.items() if name == "withdrawn"}
        return execute_job(reference, Resources(ledger, artifacts, maker, **held), **options)

    return execute


def planned(
    maker: Any, artifacts: FolderArtifacts, retrieve: Any, questions: Sequence[Question] = QUESTIONS
) -> str:
    plan = plan_job(questions, retrieve=retrieve, maker=maker, collection="Documents", tenant="default")
    return store_plan(plan, artifacts)


def test_every_question_ends_in_one_row_in_order(
    extractive: ExtractiveAnswerer, ledger: QuestionJobs, artifacts: FolderArtifacts, retrieve: Any, run: Run
) -> None:
    reference = planned(extractive, artifacts, retrieve)
    report = run(reference, extractive)
    rows = finish_job(reference, ledger=ledger, artifacts=artifacts)
    assert [row.id for row in rows] == ["q1", "q2", "q3", "q4", "q5"]
    assert [row.status for row in rows] == ["answered", "answered", "abstained", "invalid", "answered"]
    assert rows[2].abstain_reason == "nothing_relevant"
    assert report.statuses == {"abstained": 1, "answered": 3, "invalid": 1}
    assert report.cost_usd == 0
    assert rows[0].columns == {"team": "desk"}
    assert {row.snapshot for row in rows} == {"3"}
    assert {row.model for row in rows} == {"extractive"}


def test_extractive_claims_are_their_own_exact_quotes(
    extractive: ExtractiveAnswerer, ledger: QuestionJobs, artifacts: FolderArtifacts, retrieve: Any, run: Run
) -> None:
    reference = planned(extractive, artifacts, retrieve)
    run(reference, extractive)
    first = finish_job(reference, ledger=ledger, artifacts=artifacts)[0]
    assert "A loan lasts 28 days." in [claim.text for claim in first.claims]
    assert 1 <= len(first.claims) <= 3
    by_key = {str(passage.chunk_key): passage for passage in first.passages}
    for claim in first.claims:
        (citation,) = claim.citations
        assert (citation.match, citation.quote) == ("exact", claim.text)
        passage = by_key[citation.chunk_key]
        assert citation.start_char is not None
        start = citation.start_char - passage.start_char
        assert passage.text[start : start + len(claim.text)] == claim.text


def test_a_plan_survives_its_bytes(extractive: ExtractiveAnswerer, retrieve: Any) -> None:
    plan = plan_job(QUESTIONS, retrieve=retrieve, maker=extractive, collection="Documents", tenant="default")
    again = plan_job(QUESTIONS, retrieve=retrieve, maker=extractive, collection="Documents", tenant="default")
    assert JobPlan.from_bytes(plan.to_bytes()).to_bytes() == plan.to_bytes() == again.to_bytes()


def test_bytes_that_are_no_plan_are_refused() -> None:
    for content in (b"{}", b"[]", b"\xff", b'{"format": 99}'):
        with pytest.raises(SystemicError, match="plan"):
            JobPlan.from_bytes(content)


def test_a_second_run_sends_nothing(metered: Any, artifacts: FolderArtifacts, retrieve: Any, run: Run) -> None:
    reference = planned(metered, artifacts, retrieve)
    first = run(reference, metered)
    second = run(reference, metered)
    assert (first.sent_count, second.sent_count) == (3, 0)
    assert second.resumed_count == 5
    assert second.statuses == first.statuses
    assert len(metered.calls) == 3


class WorkerDiedError(BaseException):
    """The process ends here: nothing of the job's own code runs any more in this attempt."""


@pytest.mark.parametrize("dies_at", [1, 2, 3])
@pytest.mark.parametrize("after_billing", [True, False])
def test_a_killed_job_goes_on_and_names_the_row_in_flight(
    dies_at: int,
    after_billing: bool,
    metered: Any,
    ledger: QuestionJobs,
    artifacts: FolderArtifacts,
    retrieve: Any,
    run: Run,
) -> None:
    answer = metered.on_respond
    billed: list[str] = []

    def respond(request: AnswerRequest) -> bytes:
        if len(metered.calls) == dies_at:
            if after_billing:
                billed.append(request.question)
            raise WorkerDiedError
        billed.append(request.question)
        return bytes(answer(request))

    metered.on_respond = respond
    reference = planned(metered, artifacts, retrieve)
    with pytest.raises(WorkerDiedError):
        run(reference, metered)
    died_on = metered.calls[-1]
    metered.on_respond = lambda request: billed.append(request.question) or answer(request)
    report = run(reference, metered)
    rows = finish_job(reference, ledger=ledger, artifacts=artifacts)
    assert len(rows) == 5
    assert [row.question for row in rows if row.id in report.maybe_billed] == [died_on]
    assert len(billed) == (4 if after_billing else 3)
    assert sorted(set(billed)) == sorted(
        question.text for question in QUESTIONS if question.id in {"q1", "q2", "q5"}
    )


def test_one_row_that_fails_stops_no_other(
    metered: Any, ledger: QuestionJobs, artifacts: FolderArtifacts, retrieve: Any, run: Run
) -> None:
    answer = metered.on_respond

    def respond(request: AnswerRequest) -> bytes:
        if "loan" in request.question:
            raise DocumentError("answer", found="it is too long", remedy="Cut it.", stage="answer", cause="long")
        if "Saturdays" in request.question:
            raise ZeroDivisionError("a fault of the answerer")
        return bytes(answer(request))

    metered.on_respond = respond
    reference = planned(metered, artifacts, retrieve)
    run(reference, metered)
    rows = {row.id: row for row in finish_job(reference, ledger=ledger, artifacts=artifacts)}
    assert {rows["q1"].status, rows["q2"].status} == {"error"}
    assert rows["q5"].status == "answered"
    assert rows["q1"].error is not None
    assert rows["q1"].error["found"] == "it is too long"
    assert rows["q2"].error is not None
    assert rows["q2"].error["error"] == "ZeroDivisionError"


def test_a_refused_key_stops_the_job_and_keeps_what_was_answered(
    metered: Any, ledger: QuestionJobs, artifacts: FolderArtifacts, retrieve: Any, run: Run
) -> None:
    answer = metered.on_respond

    def respond(request: AnswerRequest) -> bytes:
        if "Saturdays" in request.question:
            raise AuthenticationError("answer", found="the key was refused", remedy="Set another.")
        return bytes(answer(request))

    metered.on_respond = respond
    reference = planned(metered, artifacts, retrieve)
    with pytest.raises(AuthenticationError):
        run(reference, metered)
    with pytest.raises(SystemicError, match="1 final answers"):
        finish_job(reference, ledger=ledger, artifacts=artifacts)
    metered.on_respond = answer
    report = run(reference, metered)
    assert report.resumed_count == 1
    assert [question for question in metered.calls if "loan" in question] == ["How long does a loan last?"]


def test_an_edited_question_pays_for_one_row(
    metered: Any, artifacts: FolderArtifacts, retrieve: Any, run: Run
) -> None:
    run(planned(metered, artifacts, retrieve), metered)
    edited = [dataclasses.replace(QUESTIONS[0], text="How many days does a loan last?"), *QUESTIONS[1:]]
    report = run(planned(metered, artifacts, retrieve, edited), metered)
    assert report.sent_count == 1
    assert metered.calls[3:] == ["How many days does a loan last?"]


def test_the_same_question_twice_is_paid_once(
    metered: Any, ledger: QuestionJobs, artifacts: FolderArtifacts, retrieve: Any, run: Run
) -> None:
    twice = [QUESTIONS[0], dataclasses.replace(QUESTIONS[0], id="again")]
    reference = planned(metered, artifacts, retrieve, twice)
    assert run(reference, metered).sent_count == 1
    first, second = finish_job(reference, ledger=ledger, artifacts=artifacts)
    assert first.answer == second.answer is not None


def test_another_worker_waits_for_the_lease(
    metered: Any, ledger: QuestionJobs, artifacts: FolderArtifacts, retrieve: Any, run: Run
) -> None:
    reference = planned(metered, artifacts, retrieve)
    plan = load_plan(reference, artifacts)
    job_id = reference.rsplit("/", 1)[-1]
    rows = [(row.question.id, row.request_key) for row in plan.rows]
    ledger.open_job(job_id, tenant="default", plan_reference=reference, rows=rows)
    ledger.claim_job(job_id, owner="somebody else", lease_seconds=60)
    with pytest.raises(LeaseHeldError, match="somebody else"):
        run(reference, metered)
    assert metered.calls == []


def test_nothing_of_a_withdrawn_document_is_sent(
    metered: Any, ledger: QuestionJobs, artifacts: FolderArtifacts, retrieve: Any, run: Run
) -> None:
    seen: list[str] = []
    answer = metered.on_respond
    metered.on_respond = lambda request: (
        seen.extend(passage.document for passage in request.passages) or answer(request)
    )
    reference = planned(metered, artifacts, retrieve)
    fees = next(passage for passage in retrieve([QUESTIONS[0].text])[0].passages if passage.document == "fees.md")
    gone = Withdrawn(frozenset({str(fees.doc_id)}))
    run(reference, metered, withdrawn=lambda: gone)
    assert seen
    assert "fees.md" not in seen
    for row in finish_job(reference, ledger=ledger, artifacts=artifacts, withdrawn=lambda: gone):
        assert "fees.md" not in [passage.document for passage in row.passages]


def test_an_answer_loses_what_was_withdrawn_since(
    extractive: ExtractiveAnswerer, ledger: QuestionJobs, artifacts: FolderArtifacts, retrieve: Any, run: Run
) -> None:
    reference = planned(extractive, artifacts, retrieve)
    run(reference, extractive)
    gone = Withdrawn(source_ids=frozenset({"library"}))
    rows = finish_job(reference, ledger=ledger, artifacts=artifacts, withdrawn=lambda: gone)
    assert {row.id: row.status for row in rows}["q1"] == "abstained"
    assert all(row.answer is None and not row.passages and not row.claims for row in rows)


def test_a_plan_of_another_answerer_is_not_executed(
    metered: Any, artifacts: FolderArtifacts, retrieve: Any, run: Run
) -> None:
    reference = planned(metered, artifacts, retrieve)
    metered.model = "metered-2"
    with pytest.raises(SystemicError, match="another answerer"):
        run(reference, metered)


def test_a_response_that_cannot_be_read_is_that_rows_error(
    metered: Any, ledger: QuestionJobs, artifacts: FolderArtifacts, retrieve: Any, run: Run
) -> None:
    metered.on_respond = lambda request: b'{"sentences": [[99, 0, 5]]}'
    reference = planned(metered, artifacts, retrieve)
    run(reference, metered)
    rows = finish_job(reference, ledger=ledger, artifacts=artifacts)
    assert [row.status for row in rows] == ["error", "error", "abstained", "invalid", "error"]


def test_two_questions_may_not_share_an_id(metered: Any, artifacts: FolderArtifacts, retrieve: Any) -> None:
    with pytest.raises(SystemicError, match="'q1'"):
        planned(metered, artifacts, retrieve, [QUESTIONS[0], QUESTIONS[0]])

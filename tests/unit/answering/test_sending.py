"""Sending many at once: no row is lost, no answer that was paid for, no money; the first error is the one told."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from wellread.answering.jobs.planning import load_plan, plan_job, store_plan
from wellread.answering.jobs.rows import Withdrawn
from wellread.answering.jobs.running import Resources, execute_job, finish_job
from wellread.answering.jobs.spending import BudgetSettings
from wellread.answering.protocol import AnswerRequest, Bound, Response
from wellread.answering.settings import AnsweringSettings
from wellread.artifacts.folder import FolderArtifacts
from wellread.errors import (
    AuthenticationError,
    LeaseHeldError,
    RateLimitedError,
    TransientError,
)
from wellread.ledger.database import Ledger
from wellread.ledger.question_jobs import QuestionJobs
from wellread.questions import AnswerRow, Question, Usage
from wellread.retries import RetrySettings

BOUND, COST = 100, 10
"""What a request may cost and what it costs, in micro-dollars."""


class Job:
    """A planned job of a metered model, executed as often as a test likes."""

    def __init__(self, maker: Any, ledger: QuestionJobs, artifacts: FolderArtifacts, retrieve: Any) -> None:
        self.maker, self.ledger, self.artifacts, self._retrieve = maker, ledger, artifacts, retrieve
        self.answer: Callable[[AnswerRequest], bytes] = maker.on_respond
        maker.bound = lambda request: Bound(BOUND)
        maker.cost_micro_usd = lambda usage, is_batch=False: usage.input_tokens
        maker.respond = self._respond
        maker.concurrency = 4
        self.plan = ""

    def _respond(self, request: AnswerRequest) -> Response:
        self.maker.calls.append(request.question)
        return Response(self.maker.on_respond(request), Usage(COST))

    def ask(self, questions: Sequence[str]) -> None:
        asked = [Question(f"q{number}", text) for number, text in enumerate(questions)]
        plan = plan_job(asked, retrieve=self._retrieve, maker=self.maker, collection="Documents", tenant="default")
        self.plan = store_plan(plan, self.artifacts)

    def run(self, *, run_usd: float | None = None, owner: str = "worker", **resources: Any) -> Any:
        settings = AnsweringSettings(budget=BudgetSettings(run_usd=run_usd), batch_rows_count=2)
        given: dict[str, Any] = {
            "ledger": self.ledger,
            "artifacts": self.artifacts,
            "maker": self.maker,
            "retry": RetrySettings(first_wait_seconds=0.01),
        }
        return execute_job(
            self.plan, Resources(**(given | resources)), settings=settings, threshold_ratio=0.0, owner=owner
        )

    def rows(self) -> tuple[AnswerRow, ...]:
        return finish_job(self.plan, ledger=self.ledger, artifacts=self.artifacts)


@pytest.fixture
def job(metered: Any, ledger: QuestionJobs, artifacts: FolderArtifacts, retrieve: Any) -> Job:
    return Job(metered, ledger, artifacts, retrieve)


def loans(count: int) -> list[str]:
    return [f"How long does loan {number} last?" for number in range(count)]


def refused() -> AuthenticationError:
    return AuthenticationError("answer", found="the key was refused", remedy="Set another.")


def test_rows_short_of_money_wait_for_what_answers_give_back(job: Job) -> None:
    job.ask(loans(20))
    report = job.run(run_usd=300e-6)
    assert report.statuses == {"answered": 20}
    assert report.cost_usd == pytest.approx(20 * COST / 1e6)


def test_what_is_really_short_ends_and_no_money_is_left_unused(job: Job) -> None:
    job.ask(loans(20))
    assert job.run(run_usd=150e-6).statuses == {"answered": 6, "budget": 14}


def test_an_equal_row_ends_too_where_the_first_is_short_of_money(job: Job) -> None:
    job.ask([*loans(2), *loans(2)])
    assert job.run(run_usd=0.0).statuses == {"budget": 4}
    assert len(job.rows()) == 4


def test_equal_rows_are_paid_once_and_their_price_counts_once(job: Job) -> None:
    job.ask([*loans(2), *loans(2)])
    report = job.run()
    assert len(job.maker.calls) == 2
    assert report.cost_usd == pytest.approx(2 * COST / 1e6)


def test_a_row_that_waits_for_another_try_takes_the_answer_that_its_equal_got(job: Job) -> None:
    def respond(request: AnswerRequest) -> bytes:
        if len(job.maker.calls) == 1:
            raise TransientError("answer", found="HTTP 500", remedy="Wait.", retry_after_seconds=0.2)
        return job.answer(request)

    job.maker.on_respond = respond
    job.ask([*loans(1), *loans(1)])
    assert job.run().statuses == {"answered": 2}
    assert len(job.maker.calls) == 2


class SlowJobs(QuestionJobs):
    """Takes its time to write answers down: others come in together meanwhile."""

    def record_responses(self, *given: Any, **named: Any) -> None:
        time.sleep(0.3)
        super().record_responses(*given, **named)


def test_answers_that_come_in_with_a_fatal_error_are_kept(job: Job, tmp_path: Path) -> None:
    is_first_in = threading.Event()

    def respond(request: AnswerRequest) -> bytes:
        if "loan 0 " in request.question:
            is_first_in.set()
            return job.answer(request)
        is_first_in.wait(20)
        time.sleep(0.15)
        if "loan 3 " in request.question:
            raise refused()
        return job.answer(request)

    job.maker.on_respond, job.maker.concurrency = respond, 8
    job.ask(loans(8))
    with pytest.raises(AuthenticationError):
        job.run(ledger=SlowJobs(Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")))
    job.maker.on_respond = job.answer
    report = job.run()
    assert report.statuses == {"answered": 8}
    assert report.maybe_billed == ()
    assert len(job.maker.calls) == 9


def test_requests_that_were_refused_together_are_not_listed_as_billed(job: Job) -> None:
    together = threading.Barrier(4)

    def respond(request: AnswerRequest) -> bytes:
        together.wait(timeout=20)
        raise refused()

    job.maker.on_respond = respond
    job.ask(loans(4))
    with pytest.raises(AuthenticationError):
        job.run(run_usd=1.0)
    job.maker.on_respond = job.answer
    assert job.run(run_usd=1.0).maybe_billed == ()


class FullArtifacts(FolderArtifacts):
    """Keeps everything but answers."""

    def put(self, kind: str, content: bytes) -> str:
        if kind == "responses":
            raise refused()
        return super().put(kind, content)


def test_an_answer_that_cannot_be_kept_is_listed_and_its_money_spent(job: Job, tmp_path: Path) -> None:
    job.ask(loans(1))
    with pytest.raises(AuthenticationError):
        job.run(artifacts=FullArtifacts(tmp_path / "artifacts"))
    assert len(job.maker.calls) == 1
    assert job.run().maybe_billed == ("q0",)


def test_what_is_withdrawn_while_a_row_waits_is_not_sent(job: Job, retrieve: Any) -> None:
    gone: list[Withdrawn] = [Withdrawn()]
    sent: list[str] = []
    fees = next(one for one in retrieve(["late fee"])[0].passages if one.document == "fees.md")

    def respond(request: AnswerRequest) -> bytes:
        if len(job.maker.calls) == 1:
            gone[0] = Withdrawn(frozenset({str(fees.doc_id)}))
            raise RateLimitedError("answer", found="HTTP 429", remedy="Wait.", retry_after_seconds=0.01)
        sent.extend(passage.document for passage in request.passages)
        return job.answer(request)

    job.maker.on_respond = respond
    job.ask(loans(1))
    job.run(withdrawn=lambda: gone[0])
    assert sent
    assert "fees.md" not in sent


class CountingJobs(QuestionJobs):
    """Counts signs of life."""

    renewals_count = 0

    def renew_job(self, job_id: str, *, token: int) -> None:
        self.renewals_count += 1
        super().renew_job(job_id, token=token)


def test_a_worker_whose_hands_are_full_sleeps(job: Job, tmp_path: Path) -> None:
    ledger = CountingJobs(Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}"))

    def respond(request: AnswerRequest) -> bytes:
        if len(job.maker.calls) <= 2:
            raise RateLimitedError("answer", found="HTTP 429", remedy="Wait.", retry_after_seconds=0.05)
        time.sleep(0.4)
        return job.answer(request)

    job.maker.on_respond, job.maker.concurrency = respond, 2
    job.ask(loans(4))
    job.run(ledger=ledger)
    assert ledger.renewals_count <= 3


def test_a_worker_that_lost_its_lease_keeps_what_it_paid_for(job: Job) -> None:
    job_id_at = job.ledger.claim_job

    def respond(request: AnswerRequest) -> bytes:
        job_id_at(job.plan.rsplit("/", 1)[-1], owner="worker", lease_seconds=60)
        return job.answer(request)

    job.maker.on_respond = respond
    job.ask(loans(1))
    with pytest.raises(LeaseHeldError):
        job.run()
    key = load_plan(job.plan, job.artifacts).rows[0].request_key
    assert key in job.ledger.find_responses(tenant="default", request_keys=[key])


class WorkerDiedError(BaseException):
    """The process ends."""


class LostJobs(QuestionJobs):
    """A ledger that is gone once a test says so."""

    is_lost = False

    def record_responses(self, *given: Any, **named: Any) -> None:
        self._require()
        super().record_responses(*given, **named)

    def release_job(self, *given: Any, **named: Any) -> None:
        self._require()
        super().release_job(*given, **named)

    def _require(self) -> None:
        if self.is_lost:
            raise TransientError("write to the ledger", found="connection lost", remedy="Try again.")


def test_the_first_error_goes_up_whatever_fails_after_it(job: Job, tmp_path: Path) -> None:
    ledger = LostJobs(Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}"))
    together = threading.Barrier(2)

    def respond(request: AnswerRequest) -> bytes:
        together.wait(timeout=20)
        if "loan 0 " in request.question:
            ledger.is_lost = True
            raise WorkerDiedError
        time.sleep(0.2)
        return job.answer(request)

    job.maker.on_respond = respond
    job.ask(loans(2))
    with pytest.raises(WorkerDiedError):
        job.run(ledger=ledger)


def test_no_maker_is_asked_more_at_once_than_it_allows(job: Job, metered: Any) -> None:
    flying = most = 0
    lock = threading.Lock()

    def respond(request: AnswerRequest) -> bytes:
        nonlocal flying, most
        with lock:
            flying += 1
            most = max(most, flying)
        time.sleep(0.02)
        with lock:
            flying -= 1
        return job.answer(request)

    understudy = dataclasses.replace(metered, model="metered-2")
    understudy.concurrency = 8
    job.maker.on_respond, job.maker.concurrency = respond, 1
    job.ask(loans(4))
    job.run(fallbacks=(understudy,))
    assert most == 1


def test_half_a_character_in_an_answer_is_kept(job: Job) -> None:
    read = job.maker.read

    def halved(request: AnswerRequest, response: bytes) -> Any:
        draft = read(request, response)
        claims = tuple(dataclasses.replace(claim, text=f"{claim.text} \ud83d") for claim in draft.claims)
        return dataclasses.replace(draft, claims=claims)

    job.maker.read = halved
    job.ask(loans(1))
    assert job.run().statuses == {"answered": 1}
    assert "\ud83d" in (job.rows()[0].answer or "")


def test_refusals_without_a_wish_wait_longer_and_longer(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    caps: list[float] = []

    def draw(least: float, most: float) -> float:
        caps.append(most)
        return least

    monkeypatch.setattr(random, "uniform", draw)

    def respond(request: AnswerRequest) -> bytes:
        if len(job.maker.calls) < 5:
            raise RateLimitedError("answer", found="HTTP 429", remedy="Wait.")
        return job.answer(request)

    job.maker.on_respond = respond
    job.ask(loans(1))
    job.run()
    assert caps == [0.01, 0.02, 0.04, 0.08]

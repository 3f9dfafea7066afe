"""Batches step by step in this process: what a poll, a refusal or a crash leaves is never paid or sent twice."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wellread.answering.answerer import Answerer
from wellread.answering.jobs.batching import line_bytes
from wellread.answering.jobs.planning import load_plan
from wellread.answering.jobs.rows import NO_BILL, Withdrawn
from wellread.answering.jobs.running import JobPending
from wellread.answering.jobs.steps import Step
from wellread.artifacts.folder import FolderArtifacts
from wellread.errors import AuthenticationError, TransientError
from wellread.ledger.database import Ledger
from wellread.ledger.question_jobs import QuestionJobs
from wellread.models.chat.factory import build_chat_model
from wellread.models.chat.settings import ChatModelSettings
from wellread.questions import Question
from wellread.testing.provider_server import BatchFault, Fault, ProviderServer, provider_server

_SPEC = importlib.util.spec_from_file_location("model_worker", Path(__file__).with_name("model_worker.py"))
assert _SPEC is not None and _SPEC.loader is not None
worker = sys.modules.setdefault(_SPEC.name, importlib.util.module_from_spec(_SPEC))
_SPEC.loader.exec_module(worker)


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with provider_server() as found:
        found.behave(batch_seconds=None)
        yield found


@dataclasses.dataclass
class Job:
    """A planned job of one server's model, advanced step by step."""

    answerer: Answerer
    ledger: QuestionJobs
    artifacts: FolderArtifacts
    plan: str = ""

    def ask(self, numbers: list[int]) -> Job:
        asked = [
            Question(f"q{place}", f"What colour is the door of house {number}?")
            for place, number in enumerate(numbers)
        ]
        return dataclasses.replace(self, plan=self.answerer.plan(asked, artifacts=self.artifacts))

    def advance(self, sending: Any = "batch") -> Any:
        return self.answerer.advance(
            self.plan, ledger=self.ledger, artifacts=self.artifacts, owner="me", sending=sending
        )

    def with_withdrawn(self, name: str) -> Job:
        gone = Withdrawn(frozenset({str(uuid.uuid5(uuid.NAMESPACE_URL, name))}))
        return dataclasses.replace(self, answerer=dataclasses.replace(self.answerer, withdrawn=lambda: gone))


@pytest.fixture
def job(tmp_path: Path, server: ProviderServer) -> Job:
    return job_of(tmp_path, server)


def job_of(tmp_path: Path, server: ProviderServer, *, enqueued_tokens: int | None = None, **options: Any) -> Job:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    given = worker.Options(action="execute", folder=tmp_path, url=server.openai_url, **options)
    answerer = worker.answerer_of(given, ledger)
    if enqueued_tokens is not None:
        maker = worker.maker_of(given, given.model, enqueued_tokens=enqueued_tokens)
        answerer = dataclasses.replace(answerer, maker=maker)
    return Job(answerer, QuestionJobs(ledger), FolderArtifacts(tmp_path / "artifacts"))


def is_pending(result: Any) -> bool:
    return isinstance(result, JobPending)


def test_equal_requests_are_billed_once(job: Job, server: ProviderServer) -> None:
    job = job.ask([1, 2, 1])
    assert is_pending(job.advance())
    assert is_pending(job.advance())
    server.finish_batches()
    assert job.advance().statuses == {"answered": 3}
    assert server.meter().billed_count == 2


def test_rows_short_of_money_go_with_a_later_batch(tmp_path: Path, server: ProviderServer) -> None:
    """A reservation is several times what an answer costs: half a day's money must not end as unspent."""
    job = job_of(tmp_path, server, run_usd=0.0012).ask(list(range(10)))
    for _ in range(10):
        report = job.advance()
        if not is_pending(report):
            break
        server.finish_batches()
    assert report.statuses == {"answered": 10}
    assert {row.batch_times for row in server.meter().billed.values()} == {1}


def test_a_job_waits_for_room_that_another_job_holds(tmp_path: Path, server: ProviderServer) -> None:
    first = job_of(tmp_path, server, enqueued_tokens=12_000).ask(list(range(4)))
    second = job_of(tmp_path, server, enqueued_tokens=12_000).ask(list(range(100, 104)))
    for job in (first, second):
        assert is_pending(job.advance())
    for _ in range(10):
        server.finish_batches()
        reports = [first.advance(), second.advance()]
        if not any(map(is_pending, reports)):
            break
    assert [report.statuses for report in reports] == [{"answered": 4}, {"answered": 4}]
    assert {row.batch_times for row in server.meter().billed.values()} == {1}


def test_a_batch_that_nobody_submitted_is_not_sent_with_what_was_withdrawn_since(
    job: Job, server: ProviderServer
) -> None:
    job = job.ask([1, 2])
    server.behave(Fault(kind="server_error", path="/files"), batch_seconds=None)
    with pytest.raises(TransientError):
        job.advance()
    report = job.with_withdrawn("house 1").advance()
    while is_pending(report):
        server.finish_batches()
        report = job.with_withdrawn("house 1").advance()
    assert sum(report.statuses.values()) == 2
    sent = [request.body for request in server.requests() if request.method == "POST"]
    assert any("house 100002" in str(body) for body in sent)
    assert not any("door of house 1 on Mill" in str(body) for body in sent[1:])


def test_a_job_whose_batch_is_refused_can_go_on_directly(job: Job, server: ProviderServer) -> None:
    job = job.ask([1, 2])
    server.behave(Fault(kind="unauthorized", path="/files", times=100), batch_seconds=None)
    with pytest.raises(AuthenticationError):
        job.advance()
    report = job.advance("direct")
    assert report.statuses == {"answered": 2}
    assert report.maybe_billed == ()


def test_a_job_that_goes_on_directly_collects_and_submits_no_more(tmp_path: Path, server: ProviderServer) -> None:
    job = job_of(tmp_path, server, enqueued_tokens=12_000).ask(list(range(6)))
    for sending in ("batch", "direct"):
        assert is_pending(job.advance(sending))
    server.finish_batches()
    report = job.advance("direct")
    assert report.statuses == {"answered": 6}
    in_batch = [row.batch_times for row in server.meter().billed.values()]
    assert 0 < sum(in_batch) < 6
    assert server.meter().billed_count == 6


def test_results_that_break_off_are_read_again(job: Job, server: ProviderServer) -> None:
    job = job.ask([1, 2, 3])
    assert is_pending(job.advance())
    server.finish_batches()
    server.behave(Fault(kind="cut_before_work", path="/content"), batch_seconds=None)
    assert is_pending(job.advance())
    report = job.advance()
    assert report.statuses == {"answered": 3}
    assert report.maybe_billed == ()
    assert server.meter().billed_count == 3


@pytest.mark.parametrize(("kind", "listed_count"), [("missing", 2), ("failed_line", 0), ("expired", 0)])
def test_a_line_that_is_not_there_may_be_billed_and_one_that_failed_is_not(
    kind: Any, listed_count: int, job: Job, server: ProviderServer
) -> None:
    server.behave(batch_faults=(BatchFault(kind=kind, lines=2),), batch_seconds=None)
    job = job.ask(list(range(6)))
    assert is_pending(job.advance())
    server.finish_batches()
    report = job.advance()
    assert report.statuses == {"answered": 6}
    assert len(report.maybe_billed) == listed_count


def test_no_line_is_longer_than_it_was_taken_for(job: Job) -> None:
    maker = job.answerer.maker
    plan = load_plan(job.ask([1]).plan, job.artifacts)
    row = plan.rows[0]
    assert row.request is not None
    long = tuple(
        {**message, "content": message["content"] + '門の色は"\n' * 2_000} for message in row.request.messages
    )
    request = dataclasses.replace(row.request, messages=long)
    step = Step(row, request, 1.0, maker, "key", NO_BILL)
    model = build_chat_model(ChatModelSettings(provider="openai", model="tester", base_url="http://127.0.0.1:9/v1"))  # type: ignore[arg-type]  # pydantic makes the address
    line = json.dumps(model.body_of(maker.batch_request(request)))  # type: ignore[attr-defined]  # OpenAI's
    found = line_bytes(step)
    assert found is not None
    assert len(line) + 200 <= found <= 1.2 * len(line) + 4_000


def test_answers_that_are_not_to_be_used_again_are_priced(job: Job) -> None:
    job = job.ask([1, 2])
    job.advance("direct")
    given = {"ledger": job.ledger, "artifacts": job.artifacts}
    assert job.answerer.estimate(job.plan, **given).paid_count == 0  # type: ignore[arg-type]  # one kind each
    fresh = dataclasses.replace(job.answerer, reuse=False)
    assert fresh.estimate(job.plan, **given).paid_count == 2  # type: ignore[arg-type]

"""Question jobs: plan once, execute as often as it takes, finish to the last row.

``plan_job`` pins a snapshot, retrieves and freezes. ``execute_job`` is a function of the plan and can be killed at
any moment: the next run of the same plan goes on where it stopped. ``finish_job`` hands out one row for each
question, in order, or raises.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wellread.answering.jobs.execution import (
    NOTHING_WITHDRAWN,
    AskWithdrawn,
    JobRun,
    RowExecutor,
    Withdrawn,
    row_from_ledger,
    row_to_ledger,
)
from wellread.answering.jobs.plans import JobPlan, PlannedRow, request_key, request_of
from wellread.answering.protocol import AnswerMaker, JobLedger
from wellread.answering.settings import AnsweringSettings
from wellread.artifacts.protocol import ArtifactStore
from wellread.errors import DocumentError, SystemicError
from wellread.questions import AnswerRow, Question
from wellread.retrieval.results import RetrievalResult

PLANS = "job-plans"

Retrieve = Callable[[Sequence[str]], Sequence[RetrievalResult | DocumentError]]
"""Passages for questions, all under one snapshot, in order; a ``DocumentError`` for one that cannot be asked."""

Progress = Callable[[int, int], None]
"""Called with (rows that are final, rows of the job) as a job goes on."""


@dataclass(frozen=True, slots=True)
class JobReport:
    """What became of a job: counts by status, and what was sent in this run."""

    job_id: str
    row_count: int
    statuses: Mapping[str, int]
    sent_count: int
    """Responses asked for in this run; all others were final or stored before, or needed none."""
    resumed_count: int
    """Rows that were final before this run."""
    maybe_billed: tuple[str, ...]
    """Questions that an earlier attempt sent without storing a response: perhaps paid twice."""
    cost_usd: float | None
    """Over all rows, earlier runs included; ``None`` where one row's price is not known."""

    def as_dict(self) -> dict[str, object]:
        """The manifest of a job, as JSON values."""
        return {
            **dataclasses.asdict(self),
            "statuses": dict(self.statuses),
            "maybe_billed": list(self.maybe_billed),
        }


def plan_job(
    questions: Sequence[Question], *, retrieve: Retrieve, maker: AnswerMaker, collection: str, tenant: str
) -> JobPlan:
    """Retrieve for every question under one snapshot and freeze it. Writes nothing anywhere.

    Raises ``SystemicError`` for two questions with one id, or where retrieval answers under several snapshots.
    """
    repeated = [name for name, count in Counter(question.id for question in questions).items() if count > 1]
    if repeated:
        raise SystemicError(
            "plan a question job",
            found=f"the id {repeated[0]!r} stands for {len(repeated)} or more questions",
            remedy="Give every question its own id.",
        )
    asked = [question for question in questions if question.text.strip()]
    results = retrieve([question.text for question in asked]) if asked else ()
    found = dict(zip((question.id for question in asked), results, strict=True))
    snapshots = {result.snapshot for result in results if not isinstance(result, DocumentError)}
    if len(snapshots) > 1:
        raise SystemicError(
            "plan a question job",
            found=f"its questions were retrieved under {len(snapshots)} snapshots",
            remedy="Pin one snapshot for all of them.",
        )
    return JobPlan(
        collection=collection,
        tenant=tenant,
        snapshot=snapshots.pop().as_text() if snapshots else "",
        answerer=maker.identity,
        rows=tuple(_planned(question, found.get(question.id), maker, tenant) for question in questions),
    )


def _planned(
    question: Question, result: RetrievalResult | DocumentError | None, maker: AnswerMaker, tenant: str
) -> PlannedRow:
    if result is None:
        problem = DocumentError(
            f"answer the question {question.id!r}",
            found="it is empty",
            remedy="Write a question into this row.",
            stage="plan",
            cause="empty",
        )
        return _unanswerable(question, problem, maker, tenant)
    if isinstance(result, DocumentError):
        return _unanswerable(question, result, maker, tenant)
    request = maker.prepare(request_of(result))
    key = request_key(maker.identity, maker.key_material(request), tenant=tenant)
    return PlannedRow(question, request, key)


def _unanswerable(question: Question, problem: DocumentError, maker: AnswerMaker, tenant: str) -> PlannedRow:
    key = request_key(maker.identity, ["no request", question.text, problem.cause], tenant=tenant)
    return PlannedRow(question, None, key, {**problem.as_dict(), "stage": problem.stage, "cause": problem.cause})


def store_plan(plan: JobPlan, artifacts: ArtifactStore) -> str:
    """Freeze the plan as an artifact and return its reference: the job's name from now on."""
    return artifacts.put(PLANS, plan.to_bytes())


def load_plan(reference: str, artifacts: ArtifactStore) -> JobPlan:
    """The plan behind a reference. Raises ``SystemicError`` where it is missing or no plan."""
    return JobPlan.from_bytes(artifacts.get(reference))


def job_id_of(plan_reference: str) -> str:
    """A job is named by the hash of its plan: the same plan is the same job."""
    return plan_reference.rsplit("/", 1)[-1]


def execute_job(
    plan_reference: str,
    *,
    maker: AnswerMaker,
    ledger: JobLedger,
    artifacts: ArtifactStore,
    settings: AnsweringSettings,
    threshold_ratio: float,
    owner: str,
    withdrawn: AskWithdrawn = lambda: NOTHING_WITHDRAWN,
    on_progress: Progress = lambda _done, _total: None,
) -> JobReport:
    """Bring every row of the plan to a final state and say what it took.

    Rows that are final stay as they are. Raises ``LeaseHeldError`` while another worker has the job, and whatever
    stops every row; running it again then goes on.
    """
    plan = load_plan(plan_reference, artifacts)
    executor = RowExecutor(plan, maker, settings, threshold_ratio)
    job_id = job_id_of(plan_reference)
    keys = [(row.question.id, row.request_key) for row in plan.rows]
    ledger.open_job(job_id, tenant=plan.tenant, plan_reference=plan_reference, rows=keys)
    token = ledger.claim_job(job_id, owner=owner, lease_seconds=settings.lease_seconds)
    try:
        run = JobRun(job_id, token, ledger, artifacts, executor)
        resumed_count = _run_rows(run, settings.batch_rows_count, withdrawn, on_progress)
    finally:
        ledger.release_job(job_id, token=token)
    return _report(run, resumed_count)


def _run_rows(run: JobRun, batch_rows_count: int, withdrawn: AskWithdrawn, on_progress: Progress) -> int:
    """Execute what is not final, batch by batch; how many rows were final before."""
    plan = run.executor.plan
    states = run.ledger.read_rows(run.job_id)
    waiting = [(plan.rows[state.position], state) for state in states if state.state != "final"]
    resumed_count = done = len(states) - len(waiting)
    keys = [state.request_key for _, state in waiting]
    run.known.update(run.ledger.find_responses(tenant=plan.tenant, request_keys=keys))
    on_progress(done, len(states))
    for start in range(0, len(waiting), batch_rows_count):
        run.withdrawn = withdrawn()
        batch = waiting[start : start + batch_rows_count]
        finals: dict[str, tuple[str, str]] = {}
        try:
            for row, state in batch:
                answer = run.execute(row, state)
                finals[row.question.id] = (answer.status, row_to_ledger(answer, row))
        finally:  # what was answered before something stopped the job is kept
            if finals:
                run.ledger.finish_rows(run.job_id, token=run.token, finals=finals)
        done += len(batch)
        on_progress(done, len(states))
    return resumed_count


def _report(run: JobRun, resumed_count: int) -> JobReport:
    states = run.ledger.read_rows(run.job_id)
    finals = [json.loads(state.final_json) for state in states if state.final_json is not None]
    costs = [final["cost_usd"] for final in finals]
    return JobReport(
        job_id=run.job_id,
        row_count=len(states),
        statuses=dict(sorted(Counter(final["status"] for final in finals).items())),
        sent_count=run.sent_count,
        resumed_count=resumed_count,
        maybe_billed=tuple(state.question_id for state in states if state.maybe_billed),
        cost_usd=None if None in costs else round(sum(costs), 6),
    )


def finish_job(
    plan_reference: str,
    *,
    ledger: JobLedger,
    artifacts: ArtifactStore,
    withdrawn: AskWithdrawn = lambda: NOTHING_WITHDRAWN,
) -> tuple[AnswerRow, ...]:
    """One row for each question, in their order.

    Nothing of a document that was withdrawn meanwhile is handed out. Raises ``SystemicError`` where the rows do
    not add up to the questions of the plan, or one is not final.
    """
    plan = load_plan(plan_reference, artifacts)
    states = ledger.read_rows(job_id_of(plan_reference))
    unfinished = [state.question_id for state in states if state.final_json is None]
    if len(states) != len(plan.rows) or unfinished:
        raise SystemicError(
            f"finish the question job {job_id_of(plan_reference)}",
            found=f"{len(plan.rows)} questions, {len(states) - len(unfinished)} final answers",
            remedy="Execute the job again: it goes on where it stopped.",
        )
    gone = withdrawn()
    return tuple(
        without_withdrawn(row_from_ledger(state.final_json, plan.rows[state.position]), gone)
        for state in states
        if state.final_json is not None
    )


def without_withdrawn(row: AnswerRow, withdrawn: Withdrawn) -> AnswerRow:
    """The row without passages, claims and quotes of withdrawn documents.

    An answer that loses all its claims becomes an abstention: its check would fail today.
    """
    gone = {str(passage.chunk_key) for passage in row.passages if withdrawn.has(passage)}
    if not gone:
        return row
    passages = tuple(passage for passage in row.passages if str(passage.chunk_key) not in gone)
    claims = tuple(
        claim for claim in row.claims if not any(citation.chunk_key in gone for citation in claim.citations)
    )
    if len(claims) == len(row.claims):
        return dataclasses.replace(row, passages=passages)
    answer = " ".join(claim.text for claim in claims) or None
    if answer is not None:
        return dataclasses.replace(row, passages=passages, claims=claims, answer=answer)
    return dataclasses.replace(
        row, passages=passages, claims=(), answer=None, status="abstained", abstain_reason="check_failed"
    )

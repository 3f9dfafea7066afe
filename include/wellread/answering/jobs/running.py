"""Question jobs: execute a frozen plan as often as it takes, finish to the last row.

``execute_job`` is a function of the plan and can be killed at any moment: the next run of the same plan goes on
where it stopped. ``finish_job`` hands out one row for each question, in order, or raises.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from wellread.answering.jobs.batching import OPEN_STATES, BatchSender
from wellread.answering.jobs.planning import job_id_of, load_plan
from wellread.answering.jobs.reporting import JobReport, report_of
from wellread.answering.jobs.rows import (
    NOTHING_WITHDRAWN,
    AskWithdrawn,
    RowBuilder,
    Withdrawn,
    row_from_ledger,
)
from wellread.answering.jobs.sending import DirectSender, SendingSettings
from wellread.answering.jobs.spending import Budget
from wellread.answering.jobs.steps import JobRun
from wellread.answering.protocol import AnswerMaker, JobLedger
from wellread.answering.settings import AnsweringSettings
from wellread.artifacts.protocol import ArtifactStore
from wellread.coordination.protocol import RateLimiter, ResponseCache
from wellread.errors import SettingsError, SystemicError, WellreadError
from wellread.questions import AnswerRow
from wellread.retries import RetrySettings

_logger = logging.getLogger("wellread.answering")

Progress = Callable[[int, int], None]
"""Called with (rows that are final, rows of the job) as a job goes on."""

Sending = Literal["direct", "batch"]


@dataclass(frozen=True, slots=True)
class Resources:
    """What executing jobs takes besides the plan."""

    ledger: JobLedger
    artifacts: ArtifactStore
    maker: AnswerMaker
    fallbacks: tuple[AnswerMaker, ...] = ()
    degraded: AnswerMaker | None = None
    limiter: RateLimiter | None = None
    cache: ResponseCache | None = None
    retry: RetrySettings = field(default_factory=RetrySettings)
    withdrawn: AskWithdrawn = lambda: NOTHING_WITHDRAWN
    reuse: bool = True
    """Whether responses that other jobs paid for may answer again."""


@dataclass(frozen=True, slots=True)
class JobPending:
    """A job that waits for a provider's batches."""

    job_id: str
    wait_seconds: float
    final_count: int
    row_count: int


def execute_job(
    plan_reference: str,
    resources: Resources,
    *,
    settings: AnsweringSettings,
    threshold_ratio: float,
    owner: str,
    sending: Sending = "direct",
    on_progress: Progress = lambda _done, _total: None,
    sleep: Callable[[float], None] = time.sleep,
    row_builder: type[RowBuilder] = RowBuilder,
) -> JobReport:
    """Bring every row of the plan to a final state and say what it took.

    Rows that are final stay as they are. ``row_builder`` makes final rows of responses, for jobs that ask for
    something else than answers. Raises ``LeaseHeldError`` while another worker has the job, and whatever
    stops every row; running it again then goes on.
    """
    while True:
        result = advance_job(
            plan_reference,
            resources,
            settings=settings,
            threshold_ratio=threshold_ratio,
            owner=owner,
            sending=sending,
            on_progress=on_progress,
            row_builder=row_builder,
        )
        if isinstance(result, JobReport):
            return result
        sleep(result.wait_seconds)


def advance_job(
    plan_reference: str,
    resources: Resources,
    *,
    settings: AnsweringSettings,
    threshold_ratio: float,
    owner: str,
    sending: Sending = "direct",
    on_progress: Progress = lambda _done, _total: None,
    row_builder: type[RowBuilder] = RowBuilder,
) -> JobReport | JobPending:
    """One go at a job: to its end, or to the point where nothing can be done but wait for a batch.

    For callers that do not want to sleep in between. Raises as :func:`execute_job`.
    """
    plan = load_plan(plan_reference, resources.artifacts)
    builder = row_builder(plan, resources.maker, settings, threshold_ratio)
    job_id, ledger = job_id_of(plan_reference), resources.ledger
    budget = _budget_of(job_id, plan.tenant, resources, settings)
    keys = [(row.question.id, row.request_key) for row in plan.rows]
    ledger.open_job(job_id, tenant=plan.tenant, plan_reference=plan_reference, rows=keys)
    token = ledger.claim_job(job_id, owner=owner, lease_seconds=settings.lease_seconds)
    run = JobRun(
        job_id,
        token,
        ledger,
        resources.artifacts,
        builder,
        fallbacks=resources.fallbacks,
        degraded=resources.degraded,
        budget=budget,
        limiter=resources.limiter,
        cache=resources.cache,
        withdrawn=resources.withdrawn,
        reuse=resources.reuse,
    )
    try:
        return _work(run, resources.retry, settings, sending, on_progress)
    finally:
        _release(run)


def _release(run: JobRun) -> None:
    """Give the job back. A ledger that cannot be reached hides no other error: the lease runs out by itself."""
    try:
        run.ledger.release_job(run.job_id, token=run.token)
    except WellreadError as error:
        _logger.warning("The lease of the question job %s was not given back: %s", run.job_id, error)


def _work(
    run: JobRun, retry: RetrySettings, settings: AnsweringSettings, sending: Sending, on_progress: Progress
) -> JobReport | JobPending:
    states = run.ledger.read_rows(run.job_id)
    waiting = [state for state in states if state.state != "final"]
    resumed_count = done = len(states) - len(waiting)
    asked = {state.request_key for state in states if state.attempts_count}
    run.look_up([state.request_key for state in waiting if run.reuse or state.request_key in asked])
    on_progress(done, len(states))

    def advance(count: int) -> None:
        nonlocal done
        done += count
        on_progress(done, len(states))

    is_open = any(batch.state in OPEN_STATES for batch in run.ledger.read_batches(run.job_id))
    if sending == "batch" or is_open:
        pause = BatchSender(
            run, poll_seconds=settings.batch_poll_seconds, on_finished=advance, submits=sending == "batch"
        ).advance()
        if pause is not None:
            return JobPending(run.job_id, pause, done, len(states))
        waiting = [state for state in run.ledger.read_rows(run.job_id) if state.state != "final"]
    bounds = SendingSettings(retry, settings.patience_seconds, settings.batch_rows_count)
    sender = DirectSender(run, bounds, on_finished=advance)
    sender.finish((run.builder.plan.rows[state.position], state) for state in waiting)
    return report_of(run, resumed_count)


def _budget_of(job_id: str, tenant: str, resources: Resources, settings: AnsweringSettings) -> Budget | None:
    """The budget of a job. Raises ``SettingsError`` without prices: it would bound nothing."""
    if not settings.budget.is_limited:
        return None
    makers = (resources.maker, *resources.fallbacks, *([resources.degraded] if resources.degraded else []))
    for maker in makers:
        if maker.cost_micro_usd(maker.usage_of(b"")) is None:
            raise SettingsError(
                f"keep a budget while asking {maker.identity.model}",
                found="its price is not known",
                remedy="State it in the settings (chat.price), or remove the budget.",
            )
    return Budget(settings.budget, job_id, tenant)


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

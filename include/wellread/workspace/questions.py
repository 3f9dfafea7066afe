"""Answering with a workspace: one question, or a file of them that can be interrupted, priced and repeated."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wellread.answering.answerer import (
    Answerer,
    EvidenceSettings,
    extractive_answerer,
    retrieve_with,
    withdrawn_by,
)
from wellread.answering.files.answer_rows import answer_row_as_dict, answer_row_from_dict
from wellread.answering.jobs.planning import job_id_of
from wellread.answering.jobs.plans import identity_as_dict
from wellread.answering.jobs.reporting import AnswerDiff, JobReport, differences
from wellread.answering.jobs.running import JobPending, Sending
from wellread.answering.jobs.spending import Estimate
from wellread.answering.settings import SendingMode
from wellread.identities import sha256_json
from wellread.questions import AnswerRow, Question
from wellread.workspace.composition import Workspace

_RESULTS = "question-results"
_TRIED_AGAIN = ("budget", "error")
"""Rows that ended so are asked again when the job is called again: there may be money, or the provider, now."""
Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A frozen plan, before anything is spent."""

    plan_reference: str
    input_key: str
    resumed: bool
    """Whether it is the plan of an interrupted job, which goes on."""
    sending: Sending
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class BatchResult:
    """A finished question job."""

    rows: tuple[AnswerRow, ...]
    report: JobReport
    plan_reference: str
    resumed: bool
    """Whether an interrupted job was continued instead of planned anew."""
    diff: AnswerDiff | None = None
    """How it differs from what the job of the same name published last; ``None`` the first time."""


def evidence_of(workspace: Workspace, **narrower: Any) -> EvidenceSettings:
    """What the deployment's settings say of evidence; keyword arguments as :class:`EvidenceSettings` has them."""
    return EvidenceSettings(**{"passage_count": workspace.settings.answering.passage_count, **narrower})


def answerer_of(
    workspace: Workspace, *, collection: str | None = None, evidence: EvidenceSettings | None = None
) -> Answerer:
    """The answerer of this deployment, within what the deployment's readers may see."""
    name = collection or workspace.settings.collection
    allowed = workspace.scope()
    settings = workspace.settings.answering
    retrieve = retrieve_with(
        workspace.retriever, collection=name, scope=allowed, evidence=evidence or evidence_of(workspace)
    )
    withdrawn = withdrawn_by(workspace.retriever, collection=name)
    models = workspace.language_models
    if not models.is_configured:
        return extractive_answerer(
            retrieve=retrieve,
            embedder=workspace.embedder,
            settings=settings,
            collection=name,
            tenant=allowed.tenant,
            withdrawn=withdrawn,
        )
    return Answerer(
        retrieve=retrieve,
        maker=models.primary,
        settings=settings,
        threshold_ratio=_model_threshold(workspace),
        collection=name,
        tenant=allowed.tenant,
        withdrawn=withdrawn,
        fallbacks=models.fallbacks,
        degraded=models.degraded,
        limiter=models.limiter,
        cache=models.cache,
        retry=workspace.settings.chat.retry,
        price_source=models.price_source,
        reuse=workspace.settings.coordination.cache != "off",
    )


def _model_threshold(workspace: Workspace) -> float:
    """Language models can say themselves that nothing was found, so only the hopeless is not asked."""
    chosen = workspace.settings.answering.least_confidence_ratio
    if chosen is not None:
        return chosen
    calibration = workspace.retrieval_calibration
    return 0.0 if calibration is None else calibration.threshold_ratio


def ask(workspace: Workspace, question: str, *, collection: str | None = None, owner: str = "ask") -> AnswerRow:
    """One question, one row. What a language model answered is stored: asked again, it is not paid again."""
    answerer = answerer_of(workspace, collection=collection)
    if not workspace.language_models.is_configured:
        return answerer.ask(question)
    jobs, artifacts = workspace.question_jobs, workspace.artifacts
    # A job of its own for each call: two callers who ask the same at once must not take each other's lease.
    asked = Question(id=f"question-{uuid.uuid4().hex}", text=question)
    plan_reference = answerer.plan([asked], artifacts=artifacts)
    answerer.execute(plan_reference, ledger=jobs, artifacts=artifacts, owner=owner)
    row = answerer.finish(plan_reference, ledger=jobs, artifacts=artifacts)[0]
    return dataclasses.replace(row, id="question")


def plan_questions(
    workspace: Workspace,
    questions: Sequence[Question],
    *,
    collection: str | None = None,
    evidence: EvidenceSettings | None = None,
    mode: SendingMode | None = None,
    deadline_at: datetime | None = None,
) -> PlannedJob:
    """Freeze the plan of a job, or find the one of an interrupted call, and say what it will cost.

    ``deadline_at`` (UTC): when the answers are needed; only ``auto`` looks at it.
    """
    wanted = evidence or evidence_of(workspace)
    answerer = answerer_of(workspace, collection=collection, evidence=wanted)
    jobs, artifacts = workspace.question_jobs, workspace.artifacts
    input_key = _input_key(answerer, questions, wanted)
    plan_reference = jobs.unfinished_plan(input_key)
    resumed = plan_reference is not None and artifacts.exists(plan_reference)
    if plan_reference is None or not resumed:
        plan_reference = answerer.plan(questions, artifacts=artifacts)
        jobs.remember_plan(input_key, plan_reference, finished=False)
    jobs.reopen_rows(job_id_of(plan_reference), statuses=_TRIED_AGAIN)

    def estimated(sending: Sending) -> Estimate:
        mean = jobs.mean_output_tokens(answerer.maker.identity.model)
        return answerer.estimate(
            plan_reference, ledger=jobs, artifacts=artifacts, mean_output_tokens=mean, sending=sending
        )

    direct = estimated("direct")
    sending = _sending(workspace, answerer, mode, direct.paid_count, deadline_at)
    return PlannedJob(
        plan_reference, input_key, resumed, sending, direct if sending == "direct" else estimated(sending)
    )


def _sending(
    workspace: Workspace,
    answerer: Answerer,
    mode: SendingMode | None,
    paid_count: int,
    deadline_at: datetime | None,
) -> Sending:
    settings = workspace.settings.answering
    chosen = mode or settings.mode
    if chosen != "auto":
        return chosen
    if answerer.maker.batches is None or deadline_at is None or paid_count < settings.batch_least_count:
        return "direct"
    hours = (deadline_at - datetime.now(UTC)).total_seconds() / 3600
    return "batch" if hours >= settings.batch_least_hours else "direct"


def advance_plan(
    workspace: Workspace,
    plan_reference: str,
    *,
    owner: str,
    collection: str | None = None,
    sending: Sending = "direct",
    on_progress: Advance = lambda _done, _total: None,
) -> JobReport | JobPending:
    """One go at a frozen plan: to its end, or until nothing is left but to wait for a provider's batch."""
    return answerer_of(workspace, collection=collection).advance(
        plan_reference,
        ledger=workspace.question_jobs,
        artifacts=workspace.artifacts,
        owner=owner,
        sending=sending,
        on_progress=on_progress,
    )


def finish_plan(
    workspace: Workspace,
    job: PlannedJob,
    report: JobReport,
    *,
    collection: str | None = None,
    job_name: str | None = None,
) -> BatchResult:
    """The rows of a job that is at its end; under a name they are compared with those published last.

    Writes nothing: once the rows stand where they are wanted, ``close_job`` remembers that.
    """
    answerer = answerer_of(workspace, collection=collection)
    jobs, artifacts = workspace.question_jobs, workspace.artifacts
    rows = answerer.finish(job.plan_reference, ledger=jobs, artifacts=artifacts)
    diff = answer_changes(workspace, job_name, rows) if job_name is not None else None
    return BatchResult(rows, report, job.plan_reference, job.resumed, diff)


def close_job(
    workspace: Workspace, job: PlannedJob, rows: Sequence[AnswerRow], *, job_name: str | None = None
) -> None:
    """The rows are written: the next call plans anew, and is compared with them under the job's name.

    A call that dies before this goes on with the same plan, pays nothing, and shows the same differences.
    """
    if job_name is not None:
        remember_answers(workspace, job_name, rows)
    workspace.question_jobs.remember_plan(job.input_key, job.plan_reference, finished=True)


def answer_changes(workspace: Workspace, job_name: str, rows: Sequence[AnswerRow]) -> AnswerDiff | None:
    """How rows differ from what the job of this name published last; ``None`` the first time."""
    before = workspace.question_jobs.last_results(job_name)
    if before is None or not workspace.artifacts.exists(before):
        return None
    earlier = [answer_row_from_dict(one) for one in json.loads(workspace.artifacts.get(before))]
    return differences(earlier, rows)


def remember_answers(workspace: Workspace, job_name: str, rows: Sequence[AnswerRow]) -> None:
    """From now on these rows are what the job of this name published last."""
    content = json.dumps([answer_row_as_dict(row) for row in rows], ensure_ascii=False)
    reference = workspace.artifacts.put(_RESULTS, content.encode("utf-8", "surrogatepass"))
    workspace.question_jobs.remember_results(job_name, reference)


def answer_questions(
    workspace: Workspace,
    questions: Sequence[Question],
    *,
    owner: str,
    collection: str | None = None,
    evidence: EvidenceSettings | None = None,
    mode: SendingMode | None = None,
    deadline_at: datetime | None = None,
    job_name: str | None = None,
    approve: Callable[[PlannedJob], None] = lambda _job: None,
    on_progress: Advance = lambda _done, _total: None,
) -> BatchResult:
    """Answer all questions. A call that died goes on with its frozen plan when it is repeated.

    ``owner`` names this attempt's worker; the same one may take its job again at once. ``approve`` sees the plan
    with its price before anything is spent, and raises where it is too much.
    """
    job = plan_questions(
        workspace, questions, collection=collection, evidence=evidence, mode=mode, deadline_at=deadline_at
    )
    approve(job)
    report = answerer_of(workspace, collection=collection).execute(
        job.plan_reference,
        ledger=workspace.question_jobs,
        artifacts=workspace.artifacts,
        owner=owner,
        sending=job.sending,
        on_progress=on_progress,
    )
    result = finish_plan(workspace, job, report, collection=collection, job_name=job_name)
    close_job(workspace, job, result.rows, job_name=job_name)
    return result


def _input_key(answerer: Answerer, questions: Sequence[Question], evidence: EvidenceSettings) -> str:
    asked: list[Any] = [[question.id, question.text, dict(question.columns)] for question in questions]
    how = [
        answerer.collection,
        answerer.tenant,
        identity_as_dict(answerer.maker.identity),
        answerer.threshold_ratio,
        answerer.maker.prompt[1] if answerer.maker.prompt is not None else None,
        evidence.as_dict(),
    ]
    return sha256_json([asked, how])

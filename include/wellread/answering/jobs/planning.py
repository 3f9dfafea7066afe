"""Planning: pin a snapshot, retrieve, pack, render, and freeze it all; and say what it will cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from wellread.answering.jobs.plans import JobPlan, PlannedRow, request_key, request_of
from wellread.answering.jobs.spending import MICRO, Estimate
from wellread.answering.protocol import AnswerMaker
from wellread.artifacts.protocol import ArtifactStore
from wellread.errors import DocumentError, SystemicError
from wellread.questions import Question, StoredResponse, Usage
from wellread.retrieval.results import RetrievalResult

PLANS = "job-plans"

Retrieve = Callable[[Sequence[str]], Sequence[RetrievalResult | DocumentError]]
"""Passages for questions, all under one snapshot, in order; a ``DocumentError`` for one that cannot be asked."""

_USUAL_OUTPUT_RATIO = 0.15
"""Of the output limit, before any response of the model is known: short quoted answers."""


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
        prompt=maker.prompt,
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
    try:
        request = maker.prepare(request_of(result))
    except DocumentError as error:
        return _unanswerable(question, error, maker, tenant)
    key = request_key(maker.identity, maker.key_material(request), tenant=tenant)
    confidence = round(maker.confidence(request), 6) if request.passages else 0.0
    return PlannedRow(question, request, key, confidence)


def _unanswerable(question: Question, problem: DocumentError, maker: AnswerMaker, tenant: str) -> PlannedRow:
    key = request_key(maker.identity, ["no request", question.text, problem.cause], tenant=tenant)
    facts = {**problem.as_dict(), "stage": problem.stage, "cause": problem.cause}
    return PlannedRow(question, None, key, problem=facts)


def store_plan(plan: JobPlan, artifacts: ArtifactStore) -> str:
    """Freeze the plan as an artifact and return its reference: the job's name from now on."""
    return artifacts.put(PLANS, plan.to_bytes())


def load_plan(reference: str, artifacts: ArtifactStore) -> JobPlan:
    """The plan behind a reference. Raises ``SystemicError`` where it is missing or no plan."""
    return JobPlan.from_bytes(artifacts.get(reference))


def job_id_of(plan_reference: str) -> str:
    """A job is named by the hash of its plan: the same plan is the same job."""
    return plan_reference.rsplit("/", 1)[-1]


def is_gated(row: PlannedRow, threshold_ratio: float) -> bool:
    """Whether a row ends without a response: nothing relevant was retrieved, or nothing was asked."""
    if row.request is None or not row.request.passages or row.confidence < threshold_ratio:
        return True
    return row.request.packed is not None and not row.request.packed.items


def estimate_plan(
    plan: JobPlan,
    *,
    maker: AnswerMaker,
    threshold_ratio: float,
    known: Mapping[str, StoredResponse],
    mean_output_tokens: float | None,
    price_source: str | None,
    is_batch: bool = False,
) -> Estimate:
    """What executing a plan would send and cost. ``known``: responses that are stored, by request key."""
    sent = [row for row in plan.rows if not is_gated(row, threshold_ratio)]
    fresh = {row.request_key: row for row in sent if row.request_key not in known}
    input_tokens = 0
    low: int | None = 0
    high: int | None = 0
    for row in fresh.values():
        assert row.request is not None
        bound = maker.bound(row.request)
        input_tokens += bound.input_tokens
        usual = mean_output_tokens if mean_output_tokens is not None else bound.output_tokens * _USUAL_OUTPUT_RATIO
        usage = Usage(bound.input_tokens, min(bound.output_tokens, math.ceil(usual)))
        low = _plus(low, maker.cost_micro_usd(usage, is_batch=is_batch))
        high = _plus(high, maker.cost_micro_usd(bound.as_usage(), is_batch=is_batch))
    return Estimate(
        row_count=len(plan.rows),
        paid_count=len(fresh),
        known_count=len(sent) - len(fresh),
        free_count=len(plan.rows) - len(sent),
        input_tokens=input_tokens,
        low_usd=None if low is None else low / MICRO,
        high_usd=None if high is None else high / MICRO,
        price_source=price_source,
    )


def _plus(total: int | None, more: int | None) -> int | None:
    return None if total is None or more is None else total + more

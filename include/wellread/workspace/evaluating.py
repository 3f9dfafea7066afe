"""Golden questions asked of a workspace's collection: as its readers would get them answered."""

from __future__ import annotations

import dataclasses
import functools
import os
import socket
from collections.abc import Callable, Iterable, Sequence

from wellread.answering.answerer import Answerer as QuestionAnswerer
from wellread.answering.checking.drafts import check_draft
from wellread.answering.checking.masking import Masker
from wellread.answering.jobs.plans import request_of
from wellread.answering.jobs.running import Resources
from wellread.answering.language_model import LanguageModelAnswerer, PromptParts
from wellread.answering.prompting.templates import load_prompt
from wellread.errors import SettingsError
from wellread.evaluation.evaluator import Answerer, Report, evaluate
from wellread.evaluation.gold import GoldQuestion
from wellread.evaluation.judging import JUDGE_PROMPT, AnswerJudge, JudgeMaker
from wellread.evaluation.rows import CitedText, GivenAnswer
from wellread.models.chat.factory import build_chat_model
from wellread.models.prices import find_price
from wellread.questions import AnswerRow, Claim, Question
from wellread.retrieval.results import RetrievalResult
from wellread.snapshots import Snapshot
from wellread.workspace.composition import Workspace
from wellread.workspace.language_models import account_of, fence_key
from wellread.workspace.questions import PlannedJob, answer_questions, answerer_of

_TRIED_AGAIN = ("budget", "error")
Approve = Callable[[PlannedJob], None]
Progress = Callable[[int], None]


def evaluate_collection(
    workspace: Workspace,
    gold: Sequence[GoldQuestion],
    *,
    collection: str | None = None,
    snapshot: Snapshot | None = None,
    answers: bool = True,
    judge: AnswerJudge | None = None,
    owner: str | None = None,
    approve: Approve = lambda _job: None,
    progress: Progress = lambda _count: None,
) -> Report:
    """Retrieval and answer measures of the deployment as it is configured, under one snapshot.

    With a language model the questions are an ordinary question job: it can be interrupted, keeps budgets and
    limits, and pays for nothing twice. ``approve`` sees its price before anything is spent, and raises where it is
    too much; ``owner`` names this worker to it. ``answers=False`` measures retrieval alone. ``snapshot`` is another
    state than the published one: for retrieval and the extractive answerer only. ``progress`` is called with the
    number of questions done.
    """
    name = collection or workspace.settings.collection
    answerer: Answerer | None = None
    if answers and workspace.language_models.is_configured:
        _require_published(name, snapshot)
        rows = _answered(workspace, gold, name, owner or worker_name(), approve, progress)
        snapshot = next((Snapshot.from_text(row.snapshot) for row in rows if row.snapshot), None)
        answerer, progress = _looked_up(workspace, rows), lambda _count: None
    elif answers:
        answerer = functools.partial(_extracted, answerer_of(workspace, collection=name))
    return evaluate(
        gold,
        workspace.retriever,
        collection=name,
        scope=workspace.scope(),
        answerer=answerer,
        judge=judge,
        snapshot=snapshot,
        settings=workspace.settings.evaluation,
        progress=progress,
    )


def _require_published(collection: str, snapshot: Snapshot | None) -> None:
    if snapshot is not None:
        raise SettingsError(
            f"evaluate {collection} under the snapshot {snapshot.as_text()}",
            found="a language model answers under the published snapshot only",
            remedy="Measure retrieval alone, or evaluate after publication.",
        )


def _answered(
    workspace: Workspace,
    gold: Sequence[GoldQuestion],
    collection: str,
    owner: str,
    approve: Approve,
    progress: Progress,
) -> tuple[AnswerRow, ...]:
    """The rows of an ordinary question job."""
    return answer_questions(
        workspace,
        [Question(question.id, question.question) for question in gold],
        owner=owner,
        collection=collection,
        approve=approve,
        on_progress=lambda done, _total: progress(done),
    ).rows


def worker_name() -> str:
    """This process, as ledgers name it."""
    return f"evaluation on {socket.gethostname()}, process {os.getpid()}"


# -- answers -------------------------------------------------------------------------------------------------
def _extracted(answerer: QuestionAnswerer, question: GoldQuestion, result: RetrievalResult) -> GivenAnswer:
    """What the extractive answerer says. Its text is there without the threshold, its status is with it."""
    request = dataclasses.replace(request_of(result), question=question.question)
    confidence = answerer.maker.confidence(request)
    draft = answerer.maker.read(request, answerer.maker.respond(request).body)
    checked = check_draft(
        draft,
        request.passages,
        settings=answerer.settings.quotes,
        policy=answerer.settings.quote_policy,
        guard=answerer.maker.guard(request),
    )
    is_given = confidence >= answerer.threshold_ratio
    return GivenAnswer(
        text=" ".join(claim.text for claim in draft.claims),
        confidence=confidence,
        status=checked.status if is_given else "abstained",
        citations=_cited(checked.claims),
        cost_usd=0.0,
    )


def _looked_up(workspace: Workspace, rows: Iterable[AnswerRow]) -> Answerer:
    """Answers from the rows of a finished job."""
    by_id = {row.id: row for row in rows}
    models = workspace.language_models
    makers = (models.primary, *models.fallbacks, *([models.degraded] if models.degraded is not None else []))
    is_calibrated = workspace.retrieval_calibration is not None

    def answer(question: GoldQuestion, _result: RetrievalResult) -> GivenAnswer:
        row = by_id[question.id]
        return GivenAnswer(
            text=row.answer,
            # Without a calibration every question is equally likely to be answered, which says nothing.
            confidence=row.confidence if is_calibrated else None,
            status=row.status,
            citations=_cited(row.claims),
            cost_usd=_cost_usd(row, makers),
        )

    return answer


def _cited(claims: Iterable[Claim]) -> tuple[CitedText, ...]:
    return tuple(
        CitedText(citation.document, citation.quote, is_located=citation.match != "failed")
        for claim in claims
        for citation in claim.citations
    )


def _cost_usd(row: AnswerRow, makers: Iterable[LanguageModelAnswerer]) -> float | None:
    """What a row's responses cost by the prices of today, also where an earlier job has paid for them."""
    if row.origin in {"none", "model"}:
        return row.cost_usd
    maker = next((one for one in makers if one.identity.model == row.model), None)
    micro_usd = maker.cost_micro_usd(row.usage) if maker is not None else None
    return None if micro_usd is None else micro_usd / 1_000_000


# -- the judge -----------------------------------------------------------------------------------------------
def judge_of(workspace: Workspace, *, owner: str | None = None) -> AnswerJudge:
    """The judge of this deployment: ``evaluation.judge``, else the model that answers.

    Raises ``SettingsError`` where there is no language model.
    """
    settings = workspace.settings.evaluation.judge or workspace.settings.chat
    if settings.provider is None:
        raise SettingsError(
            "judge answers",
            found="no language model is configured",
            remedy="Set evaluation.judge (or chat): provider, model and, where needed, base_url.",
        )
    models, coordination = workspace.language_models, workspace.settings.coordination
    model = build_chat_model(settings)
    workspace.close_later(model.close)
    maker = JudgeMaker(
        model,
        _judge_parts(workspace),
        price=find_price(settings),
        account=account_of(settings),
        burst_seconds=coordination.burst_seconds,
    )
    jobs = workspace.question_jobs
    resources = Resources(
        jobs,
        workspace.artifacts,
        maker,
        limiter=models.limiter,
        cache=models.cache,
        retry=workspace.settings.chat.retry,
        reuse=coordination.cache != "off",
    )
    return AnswerJudge(
        maker,
        resources,
        workspace.settings.answering,
        workspace.settings.tenant,
        owner or worker_name(),
        reopen=functools.partial(jobs.reopen_rows, statuses=_TRIED_AGAIN),
    )


def _judge_parts(workspace: Workspace) -> PromptParts:
    prompt, key = workspace.settings.answering.prompt, fence_key(workspace)
    return PromptParts(
        template=load_prompt(JUDGE_PROMPT, folder=prompt.folder),
        repair=load_prompt("repair", folder=prompt.folder),
        key=key,
        masker=Masker(prompt.masking, key) if prompt.masking.enabled else None,
    )

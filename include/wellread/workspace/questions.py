"""Answering with a workspace: one question, or a file of them that can be interrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wellread.answering.answerer import Answerer, extractive_answerer, retrieve_with, withdrawn_by
from wellread.answering.jobs.plans import identity_as_dict
from wellread.answering.jobs.running import JobReport
from wellread.identities import sha256_json
from wellread.questions import AnswerRow, Question
from wellread.stores.protocol import Scope
from wellread.workspace.composition import Workspace


@dataclass(frozen=True, slots=True)
class BatchResult:
    """A finished question job."""

    rows: tuple[AnswerRow, ...]
    report: JobReport
    plan_reference: str
    resumed: bool
    """Whether an interrupted job was continued instead of planned anew."""


def answerer_of(workspace: Workspace, *, collection: str | None = None, scope: Scope | None = None) -> Answerer:
    """The answerer of this deployment. ``scope`` may only narrow what the deployment allows."""
    name = collection or workspace.settings.collection
    allowed = scope or workspace.scope()
    settings = workspace.settings.answering
    return extractive_answerer(
        retrieve=retrieve_with(
            workspace.retriever, collection=name, scope=allowed, passage_count=settings.passage_count
        ),
        embedder=workspace.embedder,
        settings=settings,
        collection=name,
        tenant=allowed.tenant,
        withdrawn=withdrawn_by(workspace.retriever, collection=name),
    )


def ask(workspace: Workspace, question: str, *, collection: str | None = None) -> AnswerRow:
    """One question, one row."""
    return answerer_of(workspace, collection=collection).ask(question)


def answer_questions(
    workspace: Workspace,
    questions: Sequence[Question],
    *,
    owner: str,
    collection: str | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> BatchResult:
    """Answer all questions. A call that died goes on with its frozen plan when it is repeated.

    ``owner`` names this attempt's worker; the same one may take its job again at once.
    """
    answerer = answerer_of(workspace, collection=collection)
    jobs, artifacts = workspace.question_jobs, workspace.artifacts
    input_key = _input_key(answerer, questions)
    plan_reference = jobs.unfinished_plan(input_key)
    resumed = plan_reference is not None and artifacts.exists(plan_reference)
    if plan_reference is None or not resumed:
        plan_reference = answerer.plan(questions, artifacts=artifacts)
        jobs.remember_plan(input_key, plan_reference, finished=False)
    report = answerer.execute(
        plan_reference, ledger=jobs, artifacts=artifacts, owner=owner, on_progress=on_progress
    )
    rows = answerer.finish(plan_reference, ledger=jobs, artifacts=artifacts)
    jobs.remember_plan(input_key, plan_reference, finished=True)
    return BatchResult(rows, report, plan_reference, resumed)


def _input_key(answerer: Answerer, questions: Sequence[Question]) -> str:
    asked: list[Any] = [[question.id, question.text, dict(question.columns)] for question in questions]
    how = [
        answerer.collection,
        answerer.tenant,
        identity_as_dict(answerer.maker.identity),
        answerer.threshold_ratio,
    ]
    return sha256_json([asked, how])

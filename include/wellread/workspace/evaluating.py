"""Golden questions asked of a workspace's collection."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from wellread.answering.jobs.plans import request_of
from wellread.evaluation.evaluator import Report, evaluate
from wellread.evaluation.gold import GoldQuestion
from wellread.evaluation.rows import GivenAnswer
from wellread.retrieval.results import RetrievalResult
from wellread.workspace.composition import Workspace
from wellread.workspace.questions import answerer_of


def evaluate_collection(
    workspace: Workspace,
    gold: Sequence[GoldQuestion],
    *,
    collection: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Retrieval and answer measures of the deployment as it is configured, under one snapshot."""
    name = collection or workspace.settings.collection
    answerer = answerer_of(workspace, collection=name)

    def answer(question: str, result: RetrievalResult) -> GivenAnswer:
        request = dataclasses.replace(request_of(result), question=question)
        confidence = answerer.maker.confidence(request)
        draft = answerer.maker.read(request, answerer.maker.respond(request).body)
        text = " ".join(claim.text for claim in draft.claims)
        status = "answered" if confidence >= answerer.threshold_ratio and text else "abstained"
        return GivenAnswer(text=text, confidence=confidence, status=status)

    return evaluate(
        gold,
        workspace.retriever,
        collection=name,
        scope=workspace.scope(),
        answerer=answer,
        progress=progress,
    )

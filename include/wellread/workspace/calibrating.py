"""When a collection's questions are better declined, learned from its own golden questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wellread.answering.answerer import Answerer
from wellread.answering.extractive.calibration import (
    FEATURES,
    RETRIEVAL_FEATURES,
    Calibration,
    CurvePoint,
    curve_point,
)
from wellread.answering.extractive.calibration_validation import validated_calibration
from wellread.answering.extractive.maker import ExtractiveAnswerer
from wellread.answering.jobs.plans import request_of
from wellread.answering.protocol import AnswerRequest
from wellread.evaluation.gold import GoldQuestion
from wellread.evaluation.measures import Estimate, estimate_auroc
from wellread.workspace.composition import Workspace
from wellread.workspace.questions import answerer_of

KEEP_RATIO = 0.95
"""Of the extractive answerer, which cannot say itself that nothing was found."""
MODEL_KEEP_RATIO = 0.99
"""Of a language model, which can: only the hopeless is not asked."""
_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """A calibration, and what it would do."""

    calibration: Calibration
    held_out: CurvePoint
    """At its threshold, on questions that it was not fitted on."""
    now: CurvePoint
    """What the deployment does with the same questions as it is configured."""
    auroc: Estimate | None
    """Of held-out questions."""

    def as_dict(self) -> dict[str, object]:
        """As JSON values."""
        return {
            "answerable": self.calibration.answerable_count,
            "unanswerable": self.calibration.unanswerable_count,
            "features": list(self.calibration.weights),
            "threshold_ratio": self.calibration.threshold_ratio,
            "held_out": self.held_out.model_dump(mode="json"),
            "now": self.now.model_dump(mode="json"),
            "auroc": None if self.auroc is None else [self.auroc.value, self.auroc.low, self.auroc.high],
        }


def calibrate_collection(
    workspace: Workspace,
    gold: Sequence[GoldQuestion],
    *,
    gold_name: str,
    collection: str | None = None,
    keep_ratio: float | None = None,
    progress: Callable[[int], None] = lambda _count: None,
) -> CalibrationReport:
    """Fit a calibration for whoever answers in this deployment; nothing is sent to a language model.

    Rows that do not say whether they are answerable are passed over. ``keep_ratio``: the share of the answerable
    questions that is still to be answered; 0.95, and 0.99 for language models. Raises ``SettingsError`` for fewer
    than 20 questions of a kind.
    """
    name = collection or workspace.settings.collection
    marked = [question for question in gold if question.answerable is not None]
    answerer = answerer_of(workspace, collection=name)
    is_extractive = isinstance(answerer.maker, ExtractiveAnswerer)
    default_ratio = KEEP_RATIO if is_extractive else MODEL_KEEP_RATIO
    requests = _requests(workspace, marked, name, progress)
    answerable = [bool(question.answerable) for question in marked]
    found = validated_calibration(
        [_features(answerer, request) for request in requests],
        answerable,
        names=FEATURES if is_extractive else RETRIEVAL_FEATURES,
        keep_ratio=default_ratio if keep_ratio is None else keep_ratio,
        sets=(gold_name,),
        fitted_on=time.strftime("%Y-%m-%d", time.gmtime()),
        embedder=workspace.embedder.identity.model,
    )
    now = curve_point(
        np.asarray([answerer.maker.confidence(request) for request in requests]),
        np.asarray(answerable, dtype=bool),
        np.ones(len(requests)),
        threshold=answerer.threshold_ratio,
    )
    return CalibrationReport(
        found.calibration, found.held_out, now, estimate_auroc(found.probabilities, answerable)
    )


def _requests(
    workspace: Workspace, gold: Sequence[GoldQuestion], collection: str, progress: Callable[[int], None]
) -> list[AnswerRequest]:
    snapshot = workspace.retriever.head(collection).snapshot
    requests: list[AnswerRequest] = []
    for start in range(0, len(gold), _TOGETHER):
        results = workspace.retriever.retrieve_many(
            [question.question for question in gold[start : start + _TOGETHER]],
            collection=collection,
            scope=workspace.scope(),
            k=workspace.settings.answering.passage_count,
            snapshot=snapshot,
        )
        requests += map(request_of, results)
        progress(len(requests))
    return requests


def _features(answerer: Answerer, request: AnswerRequest) -> dict[str, float]:
    maker = answerer.maker
    return dict(maker.assess(request).features if isinstance(maker, ExtractiveAnswerer) else request.features)

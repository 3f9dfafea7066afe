"""When is a question better not answered? A probability from a few scores, and a threshold with its curve.

A logistic model over features of one question's passages gives the probability that the passages answer it.
It is fitted on questions whose answerability is known (:func:`fit_calibration`) and kept as JSON with where it
comes from and what each threshold would do, so that a person can choose another.
"""

from __future__ import annotations

import importlib.resources
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wellread.errors import SettingsError

FEATURES = ("top_cosine", "sentence_cosine", "sentence_coverage")
"""What the default calibration weighs, of ``wellread.answering.assessment.features_of``. Prose is told apart by
cosines, contracts by coverage; proximity and more features gained nothing on the development halves."""

RETRIEVAL_FEATURES = ("top_cosine", "cosine_drop", "best_coverage", "best_proximity")
"""What is known as soon as passages are retrieved, for language models: nothing is embedded beside the question."""

_FOLDER = importlib.resources.files("wellread.answering.extractive")
_RIDGE = 1e-3
_STEPS = 100
CURVE_KEEPS = (0.99, 0.975, 0.95, 0.925, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)


class CurvePoint(BaseModel):
    """What one threshold does, on the questions of ``Calibration.judged_on``; intervals are Wilson's of 95 %."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold_ratio: float = Field(description="Questions with a lower probability are not answered.")
    kept_ratio: float = Field(description="Share of the answerable questions that are still answered.")
    precision_ratio: float | None = Field(
        description="Share of the abstentions that were right; none where there is no abstention."
    )
    recall_ratio: float = Field(description="Share of the unanswerable questions that were not answered.")
    kept_interval: tuple[float, float] | None = None
    recall_interval: tuple[float, float] | None = None


class Calibration(BaseModel):
    """A fitted model with its threshold and origin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sets: tuple[str, ...] = Field(description="The question sets it was fitted on.")
    fitted_on: str = Field(description="ISO date.")
    embedder: str = Field(description="The embedding model whose cosines it read; others need their own fit.")
    answerable_count: int = Field(ge=0)
    unanswerable_count: int = Field(ge=0)
    bias: float
    weights: dict[str, float] = Field(description="One for each feature.")
    keep_ratio: float = Field(gt=0, le=1, description="The share of answerable questions that should be kept.")
    threshold_ratio: float = Field(ge=0, le=1, description="The probability below which nothing is answered.")
    judged_on: Literal["fitted", "held_out"] = Field(
        default="fitted", description="Whether the curve is of the questions that were fitted, or cross-validated."
    )
    curve: tuple[CurvePoint, ...] = ()

    def probability(self, features: Mapping[str, float]) -> float:
        """The probability that the question can be answered; a missing feature counts as 0."""
        total = self.bias + sum(weight * features.get(name, 0.0) for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, total))))


def load_calibration(path: Path | None = None, *, embedder: str = "") -> Calibration:
    """The calibration in a file; without one the package's for that embedding model, or its default.

    Cosines of different models are not alike: by the default, multilingual-e5-small would never abstain.

    Raises ``SettingsError`` where the file is missing or is no calibration.
    """
    if path is None:
        return _packaged(embedder)
    try:
        return Calibration.model_validate_json(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(
            f"load the calibration {path}",
            found=error.strerror or str(error),
            remedy="Check calibration_path, or leave it out to use the default.",
        ) from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"load the calibration {path}",
            found=f"it is no calibration: {error}",
            remedy="Fit it again, or leave calibration_path out to use the default.",
        ) from error


def _packaged(embedder: str) -> Calibration:
    own = f"calibration_{embedder.replace('/', '_')}.json"
    return _read_packaged(own if _FOLDER.joinpath(own).is_file() else "calibration_default.json")


def _read_packaged(name: str) -> Calibration:
    return Calibration.model_validate_json(_FOLDER.joinpath(name).read_text("utf-8"))


def load_retrieval_calibration() -> Calibration:
    """The packaged calibration that weighs nothing but :data:`RETRIEVAL_FEATURES`.

    It holds for the embedder that it names and for no other.
    """
    return _read_packaged("calibration_retrieval.json")


def fit_calibration(
    features: Sequence[Mapping[str, float]],
    answerable: Sequence[bool],
    *,
    names: Sequence[str] = FEATURES,
    row_weights: Sequence[float] | None = None,
    sets: Sequence[str],
    fitted_on: str,
    embedder: str,
    keep_ratio: float = 0.95,
) -> Calibration:
    """Fit the model and the threshold on labelled questions; the same input gives the same output.

    ``row_weights`` let sets of unequal size count alike. Raises ``SettingsError`` where one class is missing.
    """
    truth = np.asarray(answerable, dtype=np.float64)
    if len(truth) == 0 or truth.min() == truth.max():
        raise SettingsError(
            "fit a calibration",
            found=f"{int(truth.sum())} answerable among {len(truth)} questions",
            remedy="Give golden questions of both kinds: answerable and not.",
        )
    table = np.asarray([[row.get(name, 0.0) for name in names] for row in features], dtype=np.float64)
    shares = np.ones(len(truth)) if row_weights is None else np.asarray(row_weights, dtype=np.float64)
    fitted = [round(float(value), 6) for value in _fit_logistic(table, truth, shares)]
    rough = Calibration(
        sets=tuple(sets),
        fitted_on=fitted_on,
        embedder=embedder,
        answerable_count=int(truth.sum()),
        unanswerable_count=int(len(truth) - truth.sum()),
        bias=fitted[0],
        weights=dict(zip(names, fitted[1:], strict=True)),
        keep_ratio=keep_ratio,
        threshold_ratio=0.0,
    )
    return _with_threshold(rough, np.asarray([rough.probability(row) for row in features]), truth > 0, shares)


def _with_threshold(
    rough: Calibration,
    probabilities: npt.NDArray[np.float64],
    answerable: npt.NDArray[np.bool_],
    shares: npt.NDArray[np.float64],
) -> Calibration:
    def keeping(keep_ratio: float) -> float:
        return threshold_keeping(probabilities, answerable, shares, keep_ratio=keep_ratio)

    points = (curve_point(probabilities, answerable, shares, threshold=keeping(keep)) for keep in CURVE_KEEPS)
    return rough.model_copy(update={"threshold_ratio": keeping(rough.keep_ratio), "curve": tuple(points)})


def _fit_logistic(
    table: npt.NDArray[np.float64], truth: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Bias and weights by Newton's method with a little ridge: deterministic, no learning rate."""
    inputs = np.hstack([np.ones((len(truth), 1)), table])
    shares = shares / shares.mean()
    beta = np.zeros(inputs.shape[1])
    ridge = _RIDGE * len(truth) * np.eye(inputs.shape[1])
    ridge[0, 0] = 1e-9
    for _ in range(_STEPS):
        guess = 1.0 / (1.0 + np.exp(-np.clip(inputs @ beta, -60, 60)))
        slope = inputs.T @ (shares * (truth - guess)) - ridge @ beta
        bend = (inputs * (shares * guess * (1 - guess))[:, None]).T @ inputs + ridge
        step = np.linalg.solve(bend, slope)
        beta += step
        if float(np.abs(step).max()) < 1e-10:
            break
    return beta


def threshold_keeping(
    probabilities: npt.NDArray[np.float64],
    answerable: npt.NDArray[np.bool_],
    shares: npt.NDArray[np.float64],
    *,
    keep_ratio: float,
) -> float:
    """The highest threshold that still answers ``keep_ratio`` of the answerable questions (by weight)."""
    order = np.argsort(probabilities[answerable])
    sorted_probabilities = probabilities[answerable][order]
    lost_before = np.concatenate([[0.0], np.cumsum(shares[answerable][order])[:-1]]) / shares[answerable].sum()
    allowed = np.flatnonzero(lost_before <= 1 - keep_ratio + 1e-12)
    return math.floor(float(sorted_probabilities[allowed[-1]]) * 1e6) / 1e6


def curve_point(
    probabilities: npt.NDArray[np.float64],
    answerable: npt.NDArray[np.bool_],
    shares: npt.NDArray[np.float64],
    *,
    threshold: float,
) -> CurvePoint:
    """What a threshold does: shares by weight, rounded to four digits."""
    declined = probabilities < threshold
    right = float(shares[declined & ~answerable].sum())
    all_declined = float(shares[declined].sum())
    return CurvePoint(
        threshold_ratio=threshold,
        kept_ratio=round(float(shares[answerable & ~declined].sum() / shares[answerable].sum()), 4),
        precision_ratio=round(right / all_declined, 4) if all_declined > 0 else None,
        recall_ratio=round(right / float(shares[~answerable].sum()), 4),
    )

"""A calibration of a collection's own golden questions, judged by questions that it has not seen.

A threshold that is chosen and judged by the same few questions promises too much. So the whole procedure (fit, then
choose thresholds, also by probabilities of questions that were left out of a fit) is repeated on four fifths of the
questions and applied to the last fifth, five times (nested cross-validation; Varma and Simon, "Bias in error
estimation when using cross-validation for model selection", 2006). What becomes of the held-out questions makes the
curve; the calibration itself comes from the same procedure on all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wellread.answering.extractive.calibration import (
    CURVE_KEEPS,
    Calibration,
    CurvePoint,
    fit_calibration,
    threshold_keeping,
)
from wellread.errors import SettingsError

FOLDS = 5
LEAST_OF_A_CLASS = 20
"""Answerable and unanswerable questions each: of 20, a share of 0.95 is all but one."""
_NORMAL_95 = 1.959964
Numbers = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ValidatedCalibration:
    """A calibration with what it does on questions that it was not fitted on."""

    calibration: Calibration
    """Its curve is of held-out questions."""
    held_out: CurvePoint
    """What it does at the threshold that was chosen."""
    probabilities: tuple[float, ...]
    """Of each question, by the calibration of the other folds."""


def validated_calibration(
    features: Sequence[Mapping[str, float]],
    answerable: Sequence[bool],
    *,
    names: Sequence[str],
    keep_ratio: float,
    sets: Sequence[str],
    fitted_on: str,
    embedder: str,
    seed: int = 0,
) -> ValidatedCalibration:
    """Fit on all questions, judge by cross-validation; the same input gives the same output.

    Raises ``SettingsError`` for fewer than 20 answerable or 20 unanswerable questions.
    """
    marks = np.asarray(answerable, dtype=bool)
    _require_both(marks)
    keeps = list(dict.fromkeys((keep_ratio, *CURVE_KEEPS)))
    table = _Questions(tuple(features), marks, tuple(names))
    everything = np.arange(len(marks))
    folds = _folds(marks, everything, seed)
    probabilities, thresholds = table.procedure(everything, keeps, seed)
    declined = {keep: np.zeros(len(marks), dtype=bool) for keep in keeps}
    for fold in range(FOLDS):
        rest, held = everything[folds != fold], everything[folds == fold]
        _, of_rest = table.procedure(rest, keeps, seed)
        seen = table.probabilities(table.fit(rest), held)
        for keep, threshold in of_rest.items():
            declined[keep][held] = seen < threshold
    points = {keep: _point(declined[keep], marks, thresholds[keep]) for keep in keeps}
    origin = {"sets": tuple(sets), "fitted_on": fitted_on, "embedder": embedder, "keep_ratio": keep_ratio}
    curve = tuple(points[keep] for keep in CURVE_KEEPS)
    chosen = {"threshold_ratio": thresholds[keep_ratio], "judged_on": "held_out", "curve": curve}
    calibration = table.fit(everything).model_copy(update=origin | chosen)
    return ValidatedCalibration(calibration, points[keep_ratio], tuple(probabilities.tolist()))


def _require_both(marks: Marks) -> None:
    counts = int(marks.sum()), int((~marks).sum())
    if min(counts) < LEAST_OF_A_CLASS:
        raise SettingsError(
            "calibrate abstention",
            found=f"{counts[0]} answerable and {counts[1]} unanswerable golden questions",
            remedy=f'Mark rows with "answerable": true or false, at least {LEAST_OF_A_CLASS} of each.',
        )


@dataclass(frozen=True, slots=True)
class _Questions:
    features: tuple[Mapping[str, float], ...]
    marks: Marks
    names: tuple[str, ...]

    def fit(self, rows: npt.NDArray[np.intp]) -> Calibration:
        """A calibration of these questions alone."""
        return fit_calibration(
            [self.features[row] for row in rows],
            self.marks[rows].tolist(),
            names=self.names,
            sets=(),
            fitted_on="",
            embedder="",
        )

    def probabilities(self, calibration: Calibration, rows: npt.NDArray[np.intp]) -> Numbers:
        """Of these questions."""
        return np.asarray([calibration.probability(self.features[row]) for row in rows])

    def procedure(
        self, rows: npt.NDArray[np.intp], keeps: Sequence[float], seed: int
    ) -> tuple[Numbers, dict[float, float]]:
        """Probabilities of these questions by calibrations without them, and thresholds.

        A threshold keeps its share both by these probabilities and by those of the calibration of all of them,
        which it is used with.
        """
        marks = self.marks[rows]
        folds = _folds(marks, rows, seed)
        found = np.zeros(len(rows))
        for fold in range(FOLDS):
            found[folds == fold] = self.probabilities(self.fit(rows[folds != fold]), rows[folds == fold])
        fitted = self.probabilities(self.fit(rows), rows)
        ones = np.ones(len(rows))

        def keeping(keep_ratio: float) -> float:
            return min(threshold_keeping(one, marks, ones, keep_ratio=keep_ratio) for one in (found, fitted))

        return found, {keep: keeping(keep) for keep in keeps}


def _folds(marks: Marks, rows: npt.NDArray[np.intp], seed: int) -> npt.NDArray[np.intp]:
    """A fold for each row, from 0, both classes spread evenly; drawn anew for each choice of rows."""
    draw = np.random.default_rng([seed, len(rows)])
    folds = np.zeros(len(rows), dtype=np.intp)
    for is_answerable in (True, False):
        members = draw.permutation(np.flatnonzero(marks == is_answerable))
        folds[members] = np.arange(len(members)) % FOLDS
    return folds


def _point(declined: Marks, marks: Marks, threshold: float) -> CurvePoint:
    right, kept = int((declined & ~marks).sum()), int((marks & ~declined).sum())
    answerable, all_declined = int(marks.sum()), int(declined.sum())
    unanswerable = len(marks) - answerable
    return CurvePoint(
        threshold_ratio=threshold,
        kept_ratio=round(kept / answerable, 4),
        precision_ratio=round(right / all_declined, 4) if all_declined else None,
        recall_ratio=round(right / unanswerable, 4),
        kept_interval=wilson_interval(kept, answerable),
        recall_interval=wilson_interval(right, unanswerable),
    )


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """The score interval of 95 % of a share (Wilson, "Probable inference", 1927), rounded to four digits."""
    if total <= 0:
        return 0.0, 1.0
    share, square = count / total, _NORMAL_95**2
    middle = share + square / (2 * total)
    spread = _NORMAL_95 * math.sqrt(share * (1 - share) / total + square / (4 * total**2))
    scale = 1 + square / total
    return round(max(0.0, (middle - spread) / scale), 4), round(min(1.0, (middle + spread) / scale), 4)

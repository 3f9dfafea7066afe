"""A calibration of one's own promises what it keeps on questions that it has not seen."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from wellread.answering.extractive.calibration import RETRIEVAL_FEATURES, load_retrieval_calibration
from wellread.answering.extractive.calibration_validation import (
    ValidatedCalibration,
    validated_calibration,
    wilson_interval,
)
from wellread.errors import SettingsError
from wellread.retrieval.results import RetrievalFeatures


def world(seed: int, count: int, *, signal: float = 0.2) -> tuple[list[dict[str, float]], list[bool]]:
    """Half of the questions are answerable; their cosine is higher by ``signal`` (noise: 0.1)."""
    draw = np.random.default_rng(seed)
    marks = [number % 2 == 0 for number in range(count)]
    rows = [
        {"top_cosine": float(draw.normal(0.4 + signal * mark, 0.1)), "noise": float(draw.random())}
        for mark in marks
    ]
    return rows, marks


def validated(seed: int, count: int, *, keep_ratio: float = 0.9, signal: float = 0.2) -> ValidatedCalibration:
    rows, marks = world(seed, count, signal=signal)
    return validated_calibration(
        rows,
        marks,
        names=("top_cosine", "noise"),
        keep_ratio=keep_ratio,
        sets=("made",),
        fitted_on="2026-01-01",
        embedder="none",
    )


def test_the_share_that_is_promised_is_kept_on_new_questions() -> None:
    kept = []
    for seed in range(20):
        found = validated(seed, 120).calibration
        rows, marks = world(1000 + seed, 400)
        answerable = [row for row, mark in zip(rows, marks, strict=True) if mark]
        kept.append(sum(found.probability(row) >= found.threshold_ratio for row in answerable) / len(answerable))
    assert 0.88 <= float(np.mean(kept)) <= 0.95


def test_the_held_out_figures_are_those_of_new_questions() -> None:
    promised, happened = [], []
    for seed in range(20):
        found = validated(seed, 120)
        rows, marks = world(1000 + seed, 400)
        declined = [found.calibration.probability(row) < found.calibration.threshold_ratio for row in rows]
        right = sum(gone and not mark for gone, mark in zip(declined, marks, strict=True))
        promised.append(found.held_out.recall_ratio)
        happened.append(right / 200)
    assert float(np.mean(promised)) == pytest.approx(float(np.mean(happened)), abs=0.05)


def test_where_nothing_can_be_told_nothing_is_promised() -> None:
    # To keep nine tenths of the answerable questions is to decline a tenth of the others, by chance.
    promised = [validated(seed, 200, signal=0.0).held_out.recall_ratio for seed in range(10)]
    assert 0.05 <= float(np.mean(promised)) <= 0.15


def test_the_curve_is_of_held_out_questions_with_intervals() -> None:
    calibration = validated(3, 200).calibration
    assert calibration.judged_on == "held_out"
    for point in calibration.curve:
        assert point.kept_interval is not None
        assert point.kept_interval[0] <= point.kept_ratio <= point.kept_interval[1]
    thresholds = [point.threshold_ratio for point in calibration.curve]
    assert thresholds == sorted(thresholds)
    assert calibration.threshold_ratio in thresholds


def test_the_threshold_keeps_its_share_of_the_questions_it_was_fitted_on() -> None:
    rows, marks = world(5, 60)
    found = validated(5, 60, keep_ratio=0.95).calibration
    kept = [found.probability(row) >= found.threshold_ratio for row, mark in zip(rows, marks, strict=True) if mark]
    assert sum(kept) / len(kept) >= 0.95


def test_the_same_questions_give_the_same_calibration() -> None:
    assert validated(4, 80) == validated(4, 80)


def test_a_few_questions_are_refused() -> None:
    with pytest.raises(SettingsError, match="19 answerable and 19 unanswerable"):
        validated(1, 38)


def test_wilsons_interval_by_hand() -> None:
    # Wilson 1927 for 9 of 10: (0.9 + 0.19207 ± 1.96·sqrt(0.009 + 0.0096)) / 1.38415
    assert wilson_interval(9, 10) == (pytest.approx(0.5958, abs=1e-4), pytest.approx(0.9821, abs=1e-4))
    assert wilson_interval(0, 20) == (0.0, pytest.approx(0.1611, abs=1e-4))
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_the_packaged_calibration_for_language_models_weighs_what_costs_nothing() -> None:
    found = load_retrieval_calibration()
    known = {field.name for field in dataclasses.fields(RetrievalFeatures)}
    assert set(found.weights) <= known
    assert set(RETRIEVAL_FEATURES) <= known
    assert (found.embedder, found.keep_ratio) == ("all-MiniLM-L6-v2", 0.99)
    at_threshold = next(point for point in found.curve if point.threshold_ratio == found.threshold_ratio)
    assert at_threshold.kept_ratio >= 0.99

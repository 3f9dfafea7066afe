"""The threshold does on its data what it says, and a calibration file is read whole or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wellread.answering.extractive.calibration import FEATURES, Calibration, fit_calibration, load_calibration
from wellread.errors import SettingsError


def fitted(keep_ratio: float = 0.95, seed: int = 7) -> tuple[Calibration, list[dict[str, float]], list[bool]]:
    draw = np.random.default_rng(seed)
    answerable = [bool(draw.random() < 0.6) for _ in range(400)]
    rows = [
        {"top_cosine": float(draw.normal(0.6 if good else 0.4, 0.12)), "best_proximity": float(draw.random())}
        for good in answerable
    ]
    calibration = fit_calibration(
        rows,
        answerable,
        names=("top_cosine", "best_proximity"),
        sets=["made"],
        fitted_on="2026-01-01",
        embedder="none",
        keep_ratio=keep_ratio,
    )
    return calibration, rows, answerable


@pytest.mark.parametrize("keep_ratio", [0.8, 0.9, 0.95, 0.99])
def test_the_threshold_keeps_the_share_that_it_promises(keep_ratio: float) -> None:
    calibration, rows, answerable = fitted(keep_ratio)
    kept = [
        calibration.probability(row) >= calibration.threshold_ratio
        for row, good in zip(rows, answerable, strict=True)
        if good
    ]
    share = sum(kept) / len(kept)
    assert keep_ratio <= share <= keep_ratio + 1.5 / len(kept)


def test_a_feature_that_tells_nothing_gets_little_weight() -> None:
    calibration, _, _ = fitted()
    assert calibration.weights["top_cosine"] > 5
    assert abs(calibration.weights["best_proximity"]) < 1
    assert calibration.probability({"top_cosine": 0.9}) > 0.9 > 0.1 > calibration.probability({"top_cosine": 0.2})


def test_the_same_data_gives_the_same_calibration() -> None:
    assert fitted()[0] == fitted()[0]


def test_the_curve_counts_what_each_threshold_does() -> None:
    calibration, rows, answerable = fitted()
    for point in calibration.curve:
        declined = [
            good
            for row, good in zip(rows, answerable, strict=True)
            if calibration.probability(row) < point.threshold_ratio
        ]
        right = sum(not good for good in declined)
        assert point.recall_ratio == pytest.approx(right / answerable.count(False), abs=1e-4)
        assert point.kept_ratio == pytest.approx(1 - (len(declined) - right) / answerable.count(True), abs=1e-4)
    assert [point.kept_ratio for point in calibration.curve] == sorted(
        (point.kept_ratio for point in calibration.curve), reverse=True
    )


def test_one_class_alone_cannot_be_fitted() -> None:
    with pytest.raises(SettingsError, match="2 answerable among 2"):
        fit_calibration([{}, {}], [True, True], sets=["x"], fitted_on="", embedder="")


def test_the_packaged_calibration_says_where_it_comes_from() -> None:
    calibration = load_calibration()
    assert set(calibration.weights) == set(FEATURES)
    assert calibration.sets
    assert calibration.keep_ratio == 0.95
    assert 0 < calibration.threshold_ratio < 1
    assert calibration.threshold_ratio in [point.threshold_ratio for point in calibration.curve]
    assert min(calibration.answerable_count, calibration.unanswerable_count) > 100


def test_a_calibration_of_ones_own_is_loaded_from_its_path(tmp_path: Path) -> None:
    calibration, _, _ = fitted()
    path = tmp_path / "own.json"
    path.write_text(calibration.model_dump_json())
    assert load_calibration(path) == calibration


def test_a_missing_or_broken_calibration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_calibration(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text('{"bias": 1}')
    with pytest.raises(SettingsError, match="it is no calibration"):
        load_calibration(tmp_path / "broken.json")


def test_an_embedding_model_is_judged_by_its_own_calibration() -> None:
    e5, default = load_calibration(embedder="multilingual-e5-small"), load_calibration()
    assert (e5.embedder, default.embedder) == ("multilingual-e5-small", "all-MiniLM-L6-v2")
    for other in ("all-MiniLM-L6-v2", "text-embedding-3-small", "intfloat/e5", "../calibration"):
        assert load_calibration(embedder=other) == default
    # Its cosines are high even where nothing fits: the default would answer what its own declines.
    nothing_fits = {"top_cosine": 0.78, "sentence_cosine": 0.78, "sentence_coverage": 0.0}
    assert e5.probability(nothing_fits) < e5.threshold_ratio
    assert default.probability(nothing_fits) > default.threshold_ratio

"""Is an evaluation worse than the published one, or does it only look so?

A measure has *regressed* when it has lost more than the tolerance, and that is no accident of the questions
that happen to be in the set; one test says both. The difference after - before is taken over the questions that
both evaluations scored, each question with itself (paired). Questions are drawn anew, with replacement, and the
difference is computed again, 10,000 times. If even the ``1 - alpha`` quantile of these differences lies below
``-least_delta``, the measure fails: a one-sided test of "has lost no more than ``least_delta``" at level
``alpha``, for each measure by itself.

Source: the percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13),
paired over test items (Koehn, "Statistical Significance Tests for Machine Translation Evaluation", 2004). For
rankings it agrees with the randomisation test (Smucker, Allan and Carterette, "A Comparison of Statistical
Significance Tests for Information Retrieval Evaluation", 2007).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from wellread.errors import RegressionError, SettingsError
from wellread.evaluation.answer_measures import JUDGE_SCORE, LOWER_IS_BETTER
from wellread.evaluation.measures import Score
from wellread.evaluation.results import EvaluationResults
from wellread.evaluation.settings import GATE_MEASURES, GateSettings

LineState = Literal["held", "regressed", "unscored", "too_few", "left_out"]
"""``unscored``: too many questions had a score before and have none now. ``too_few``: nothing can be told.
``left_out``: the same, of a measure that nobody asked for by name."""

_BLOCK_DRAWS = 2_000_000
"""Random numbers held at once: 16 MB."""


@dataclass(frozen=True, slots=True)
class GateLine:
    """What became of one measure."""

    measure: str
    state: LineState
    before: float | None
    """Over the questions that both scored; ``None`` where nothing can be computed."""
    after: float | None
    gain: float | None
    """``after - before``, with the other sign where less is better: a loss is negative."""
    most_gain: float | None
    """The gain is below this with the probability ``1 - alpha``."""
    pairs_count: int
    """Questions that both scored."""
    lost_count: int
    """Questions that had a score before and have none now."""

    @property
    def is_held(self) -> bool:
        """Whether the measure lets the evaluation pass."""
        return self.state in {"held", "left_out"}


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """The verdict on one evaluation: it passes if every measure is held, and at least one could be judged."""

    lines: tuple[GateLine, ...]
    settings: GateSettings

    @property
    def passed(self) -> bool:
        """Whether nothing has regressed."""
        is_judged = any(line.state == "held" for line in self.lines)
        return is_judged and all(line.is_held for line in self.lines)

    def as_dict(self) -> dict[str, object]:
        """As JSON values."""
        bounds = self.settings.model_dump(include={"least_delta", "alpha_ratio", "most_unscored_ratio"})
        return {"passed": self.passed, **bounds, "measures": [dataclasses.asdict(line) for line in self.lines]}

    def require_passed(self) -> None:
        """Raises ``RegressionError``, which names the measures that failed, unless the verdict is a pass."""
        if not self.passed:
            failed = [_told(line) for line in self.lines if not line.is_held]
            raise RegressionError(
                "pass the regression gate",
                found="; ".join(failed) or f"fewer than {self.settings.least_count} questions have scores",
                remedy="Take the change back; where the loss is wanted, publish the new results as the baseline.",
            )


def gate(before: EvaluationResults, after: EvaluationResults, settings: GateSettings | None = None) -> GateVerdict:
    """Compare an evaluation with the published one, measure by measure.

    Raises ``SettingsError`` where the two cannot be compared: other golden questions, another judge, an unknown
    measure, or none that both could score.
    """
    chosen = settings if settings is not None else GateSettings()
    require_same_gold(before, after.gold_sha256)
    names = _comparable(before, after, chosen.measures)
    return GateVerdict(tuple(_line(name, before, after, chosen) for name in names), chosen)


def require_same_gold(before: EvaluationResults, gold_sha256: str) -> None:
    """Raises ``SettingsError`` where these are not the golden questions of the published evaluation."""
    if before.gold_sha256 != gold_sha256:
        raise SettingsError(
            f"compare an evaluation with the published one of {before.collection}",
            found="the golden questions are not those of the published evaluation",
            remedy="Evaluate them once with --publish and without --gate: that is the baseline from then on.",
        )


def _comparable(before: EvaluationResults, after: EvaluationResults, measures: Sequence[str]) -> list[str]:
    """Those of the measures that the baseline has scored and that the new evaluation was made to score."""
    known = {name for results in (before, after) for scores in results.scores.values() for name in scores}
    unknown = [name for name in measures if name not in known and name not in GATE_MEASURES]
    names = [name for name in measures if before.column(name) and after.attempts(name)]
    if unknown or not names:
        raise SettingsError(
            f"compare evaluations by {', '.join(unknown or measures)}",
            found="there is no such measure" if unknown else "the published evaluation has no such score",
            remedy=f"Name some of: {', '.join(sorted(known))}.",
        )
    if JUDGE_SCORE in names and before.judge != after.judge:
        raise SettingsError(
            "compare the scores of judges",
            found=f"{before.judge} judged the published evaluation, {after.judge} this one",
            remedy="Judge with the same model and prompt, or publish a new baseline.",
        )
    return names


def _line(measure: str, before: EvaluationResults, after: EvaluationResults, settings: GateSettings) -> GateLine:
    had, has = before.column(measure), after.column(measure)
    paired = [name for name in sorted(had) if name in has]
    pairs = np.asarray([(*_numbers(had[name]), *_numbers(has[name])) for name in paired], dtype=np.float64).reshape(
        -1, 4
    )
    telling_count = int(pairs.any(axis=1).sum())
    lost_count = len(had) - len(paired)
    before_value, after_value, gain = _gains(pairs.sum(axis=0)[None, :], measure)
    most_gain = None
    if lost_count > settings.most_unscored_ratio * len(had):
        state: LineState = "unscored"
    elif telling_count < settings.least_count:
        state = "left_out" if settings.measures == GATE_MEASURES else "too_few"
    elif np.isnan(gain[0]):
        state = "unscored"
    else:
        gains = _resampled(pairs, measure, settings)
        most_gain = float(np.quantile(gains, 1 - settings.alpha_ratio))
        state = "regressed" if most_gain < -settings.least_delta - 1e-12 else "held"
    return GateLine(
        measure,
        state,
        _known(before_value),
        _known(after_value),
        _known(gain),
        most_gain,
        pairs_count=len(paired),
        lost_count=lost_count,
    )


def _numbers(score: Score) -> tuple[float, float]:
    return score.part, score.whole


def _gains(sums: npt.NDArray[np.float64], measure: str) -> tuple[npt.NDArray[np.float64], ...]:
    """Before, after and the gain, from sums of shape (n, 4); not a number where nothing can be computed."""
    with np.errstate(invalid="ignore", divide="ignore"):
        before, after = (
            np.where(sums[:, column + 1] > 0, sums[:, column] / sums[:, column + 1], np.nan) for column in (0, 2)
        )
    return before, after, before - after if measure in LOWER_IS_BETTER else after - before


def _resampled(pairs: npt.NDArray[np.float64], measure: str, settings: GateSettings) -> npt.NDArray[np.float64]:
    """The gains of all resamples that can be computed."""
    draw = np.random.default_rng(settings.seed)
    block = max(1, _BLOCK_DRAWS // len(pairs))
    found = []
    for start in range(0, settings.resamples_count, block):
        size = min(block, settings.resamples_count - start)
        picks = draw.integers(0, len(pairs), size=(size, len(pairs)))
        sums = np.stack([pairs[:, column][picks].sum(axis=1) for column in range(4)], axis=1)
        found.append(_gains(sums, measure)[2])
    gains = np.concatenate(found)
    return gains[~np.isnan(gains)]


def _known(value: npt.NDArray[np.float64]) -> float | None:
    return None if np.isnan(value[0]) else float(value[0])


def _told(line: GateLine) -> str:
    if line.state == "unscored":
        return f"{line.measure}: {line.lost_count} questions have lost their score, {line.pairs_count} have it"
    if line.state == "too_few":
        return f"{line.measure}: {line.pairs_count} questions are too few to tell a regression from noise"
    return f"{line.measure} fell from {line.before:.4f} to {line.after:.4f} ({line.pairs_count} questions)"

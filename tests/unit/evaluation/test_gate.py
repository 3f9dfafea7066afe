"""A real regression is caught, noise is not, and what cannot be compared is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from wellread.errors import PolicyError, RegressionError, SettingsError, SystemicError
from wellread.evaluation.gate import gate
from wellread.evaluation.gold import GoldQuestion
from wellread.evaluation.measures import Score, estimate
from wellread.evaluation.results import EvaluationResults, gold_sha256
from wellread.evaluation.settings import GateSettings

QUICK = GateSettings(measures=("gold_in_answer",), resamples_count=1000)


def results(values: list[float | None], measure: str = "gold_in_answer", **changes: Any) -> EvaluationResults:
    """One measure; ``None`` for a question without a score."""
    scores = {f"q{number}": None if one is None else Score(one) for number, one in enumerate(values)}
    return of_scores({name: {measure: score} for name, score in scores.items()}, **changes)


def of_scores(scores: dict[str, dict[str, Score | None]], **changes: Any) -> EvaluationResults:
    names = {name for one in scores.values() for name in one}
    found = {name: estimate([one.get(name) for one in scores.values()]) for name in names}
    values: dict[str, Any] = {
        "collection": "Documents",
        "tenant": "default",
        "gold_sha256": "g",
        "snapshot": "3-{1}",
        "settings_sha256": "s",
        "measures": {name: one for name, one in found.items() if one is not None},
        "scores": scores,
        "model": "tester",
    }
    return EvaluationResults(**{**values, **changes})


def binary(draw: np.random.Generator, rate: float, count: int) -> list[float | None]:
    return [float(one) for one in draw.random(count) < rate]


# -- rates ---------------------------------------------------------------------------------------------------
def flipped(draw: np.random.Generator, values: list[float | None], lost: float, won: float) -> list[float | None]:
    """Each right answer is lost, and each wrong one won, with these probabilities."""
    return [float(draw.random() >= lost) if value else float(draw.random() < won) for value in values]


def failing_share(*, lost: float, won: float, settings: GateSettings, worlds: int = 200) -> float:
    """In so many worlds of 200 questions, half of them right before."""
    failed = 0
    for seed in range(worlds):
        draw = np.random.default_rng(seed)
        before = binary(draw, 0.5, 200)
        failed += not gate(results(before), results(flipped(draw, before, lost, won)), settings).passed
    return failed / worlds


def test_noise_fails_no_more_often_than_alpha_says() -> None:
    # Flips both ways with one rate: nothing has changed. 0.05 of 200 worlds are 10; two standard errors on top.
    exact = QUICK.model_copy(update={"least_delta": 0.0, "alpha_ratio": 0.05})
    assert 0.01 <= failing_share(lost=0.1, won=0.1, settings=exact) <= 0.05 + 2 * (0.05 * 0.95 / 200) ** 0.5


def test_noise_hardly_ever_fails_under_a_tolerance() -> None:
    assert failing_share(lost=0.1, won=0.1, settings=QUICK.model_copy(update={"least_delta": 0.02})) <= 0.03


def test_a_loss_of_ten_points_is_caught() -> None:
    # 0.5 -> 0.4: a fifth of the right answers is lost.
    assert failing_share(lost=0.2, won=0.0, settings=QUICK) >= 0.99


def test_a_loss_within_the_tolerance_passes() -> None:
    before = [1.0] * 150 + [0.0] * 50
    after = [1.0] * 146 + [0.0] * 54
    tolerant = QUICK.model_copy(update={"least_delta": 0.03})
    assert gate(results([*before]), results([*after]), tolerant).passed
    strict = QUICK.model_copy(update={"least_delta": 0.0})
    assert not gate(results([*before]), results([*after]), strict).passed


# -- one verdict ---------------------------------------------------------------------------------------------
def test_the_line_says_what_was_compared() -> None:
    verdict = gate(results([1.0] * 20), results([1.0] * 10 + [0.0] * 10), QUICK)
    (line,) = verdict.lines
    assert (line.state, line.before, line.after, line.gain, line.pairs_count) == ("regressed", 1.0, 0.5, -0.5, 20)
    assert line.most_gain is not None
    assert -0.5 < line.most_gain < -0.2
    assert verdict == gate(results([1.0] * 20), results([1.0] * 10 + [0.0] * 10), QUICK)


def test_a_gain_passes_and_less_is_better_where_it_is() -> None:
    assert gate(results([0.0] * 20), results([1.0] * 20), QUICK).passed
    wrong = GateSettings(measures=("wrongly_declined",), resamples_count=1000)
    few, many = results([0.0] * 20, "wrongly_declined"), results([1.0] * 20, "wrongly_declined")
    assert gate(many, few, wrong).passed
    assert not gate(few, many, wrong).passed


def test_ratios_are_compared_as_ratios_of_sums() -> None:
    # Precision over citations: one question with many wrong ones weighs as many.
    before = {f"q{n}": {"citation_precision": Score(1.0, 1.0)} for n in range(30)}
    after = {name: {"citation_precision": Score(1.0, 3.0)} for name in before}
    settings = GateSettings(measures=("citation_precision",), resamples_count=1000)
    (line,) = gate(of_scores({**before}), of_scores({**after}), settings).lines
    assert (line.before, line.after, line.state) == (1.0, pytest.approx(1 / 3), "regressed")


def test_a_failed_gate_is_a_policy_error_that_names_the_measure() -> None:
    verdict = gate(results([1.0] * 20), results([0.0] * 20), QUICK)
    with pytest.raises(RegressionError, match=r"gold_in_answer fell from 1\.0000 to 0\.0000 \(20 questions\)"):
        verdict.require_passed()
    assert issubclass(RegressionError, PolicyError)
    assert verdict.as_dict()["passed"] is False


# -- what is missing -----------------------------------------------------------------------------------------
def test_questions_that_lost_their_score_fail_above_a_share() -> None:
    before = results([1.0] * 100)
    assert gate(before, results([1.0] * 98 + [None] * 2), QUICK).passed
    verdict = gate(before, results([1.0] * 97 + [None] * 3), QUICK)
    assert [line.state for line in verdict.lines] == ["unscored"]
    assert not gate(before, results([None] * 100), QUICK).passed


def test_questions_that_never_had_a_score_do_not_count() -> None:
    assert gate(results([1.0] * 20 + [None] * 80), results([1.0] * 20 + [None] * 80), QUICK).passed


def test_a_few_questions_prove_nothing() -> None:
    few = results([1.0] * 9)
    assert [line.state for line in gate(few, few, QUICK).lines] == ["too_few"]
    by_default = gate(few, few)
    assert [line.state for line in by_default.lines] == ["left_out"]
    assert not by_default.passed
    with pytest.raises(RegressionError, match="fewer than 10 questions"):
        by_default.require_passed()


def test_citations_that_nobody_makes_any_more_are_no_pass() -> None:
    before = of_scores({f"q{n}": {"citation_precision": Score(1.0, 1.0)} for n in range(30)})
    after = of_scores({f"q{n}": {"citation_precision": Score(0.0, 0.0)} for n in range(30)})
    assert [line.state for line in gate(before, after).lines] == ["unscored"]


def test_by_default_what_was_not_tried_is_not_compared() -> None:
    scores = {f"q{n}": {"ndcg@10": Score(1.0), "gold_in_answer": Score(1.0)} for n in range(20)}
    retrieved = {name: {"ndcg@10": one["ndcg@10"]} for name, one in scores.items()}
    verdict = gate(of_scores({**scores}), of_scores({**retrieved}, model=None))
    assert [line.measure for line in verdict.lines] == ["ndcg@10"]


@pytest.mark.parametrize(
    ("changes", "settings", "words"),
    [
        ({"gold_sha256": "other"}, QUICK, "the golden questions are not those"),
        ({}, GateSettings(measures=("gold_in_anser",)), "there is no such measure"),
        ({"model": None}, QUICK, "has no such score"),
    ],
)
def test_what_cannot_be_compared_is_refused(changes: Any, settings: GateSettings, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        gate(results([1.0] * 20), results([1.0] * 20, **changes), settings)


def test_scores_of_two_judges_are_not_compared() -> None:
    settings = GateSettings(measures=("judge_score",))
    before = results([1.0] * 20, "judge_score", judge="one")
    with pytest.raises(SettingsError, match="one judged the published evaluation, other this one"):
        gate(before, dataclasses.replace(before, judge="other"), settings)


# -- stored results ------------------------------------------------------------------------------------------
def test_results_come_back_as_they_were_stored() -> None:
    found = results([1.0, None, 0.25], prompt="p 1", prompt_sha256="f" * 64, judge="j")
    assert EvaluationResults.from_bytes(found.to_bytes()) == found
    assert results([1.0]).to_bytes() == results([1.0]).to_bytes()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": 9}', b'{"format": 1, "scores": {}}', b"\xff"])
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(SystemicError, match="read the results of an evaluation"):
        EvaluationResults.from_bytes(content)


def test_the_same_golden_questions_are_one_set_in_any_order() -> None:
    one, other = GoldQuestion("1", "Who?"), GoldQuestion("2", "Why?", answers=("so",))
    assert gold_sha256([one, other]) == gold_sha256([other, one])
    assert gold_sha256([one]) != gold_sha256([dataclasses.replace(one, answerable=True)])

"""Measures of answers by examples that were calculated by hand, and what holds for all of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.evaluation.answer_measures import (
    ANSWER_MEASURES,
    answer_scores,
    cites_gold,
    exact_match,
    normalised_tokens,
    token_f1,
)
from wellread.evaluation.gold import GoldPassage, GoldQuestion
from wellread.evaluation.measures import Score, estimate
from wellread.evaluation.rows import CitedText, GivenAnswer

PASSAGE = "The engineer Ottilie Brandt surveyed the route in the autumn of 1889"
GOLD = GoldQuestion("q", "Who?", (GoldPassage("a.md", PASSAGE),), ("Ottilie Brandt", "Brandt"), answerable=True)
NONE = GoldQuestion("n", "Who else?", answerable=False)
RIGHT = CitedText("a.md", "Ottilie Brandt surveyed the route")
ELSEWHERE = CitedText("b.md", "Ottilie Brandt surveyed the route")


def scores_of(question: GoldQuestion = GOLD, text: str | None = "Brandt did.", **given_: Any) -> dict[str, Any]:
    return dict(answer_scores(question, GivenAnswer(text, **given_)))


# -- words ---------------------------------------------------------------------------------------------------
def test_answers_are_compared_as_squad_does() -> None:
    assert normalised_tokens("  The U.S. Army's, a  tank-unit! ") == ["us", "armys", "tankunit"]
    assert exact_match("the Brandt.", ["Ottilie Brandt", "brandt"])
    assert not exact_match("Brandt did", ["Brandt"])


def test_f1_is_of_the_answer_that_fits_best() -> None:
    # Two tokens given, one of them right: against "brandt" 2·1/(2+1), against "ottilie brandt" 2·1/(2+2).
    assert token_f1("Brandt did", ["Ottilie Brandt", "Brandt"]) == pytest.approx(2 / 3)
    assert token_f1("Brandt did", ["Ottilie Brandt"]) == pytest.approx(0.5)
    assert token_f1("yes yes", ["yes"]) == pytest.approx(2 / 3)  # bags: the second one is too much
    assert token_f1("", ["yes"]) == 0.0


def test_an_answer_without_tokens_matches_nothing() -> None:
    assert not exact_match("the", ["a", "!"])
    assert token_f1("the", ["a"]) == 0.0
    assert scores_of(GoldQuestion("q", "?", answers=("...",), answerable=True))["exact_match"] is None


@given(st.text(), st.lists(st.text(), min_size=1))
def test_an_exact_match_has_an_f1_of_one_and_nothing_has_more(text: str, answers: list[str]) -> None:
    f1 = token_f1(text, answers)
    assert 0.0 <= f1 <= 1.0
    if exact_match(text, answers):
        assert f1 == 1.0


@given(st.text(), st.text())
def test_f1_is_the_same_from_both_sides(one: str, other: str) -> None:
    assert token_f1(one, [other]) == token_f1(other, [one])


# -- citations -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("citation", "is_right"),
    [
        (RIGHT, True),
        (CitedText("a.md", f"It was long ago. {PASSAGE}. So it was."), True),
        (ELSEWHERE, False),
        (CitedText("a.md", "Dogs travel free of charge in the autumn"), False),
        (CitedText("a.md", RIGHT.quote, is_located=False), False),
    ],
)
def test_a_citation_is_right_in_the_document_and_by_its_words(citation: CitedText, is_right: bool) -> None:
    assert cites_gold(GOLD, citation) is is_right


def test_citation_precision_is_over_citations_and_recall_over_questions() -> None:
    answered = [
        scores_of(citations=(RIGHT, ELSEWHERE)),
        scores_of(citations=(RIGHT,)),
        scores_of(citations=(ELSEWHERE,)),
        scores_of(status="abstained", citations=(RIGHT,)),  # nobody sees the citations of an answer not given
        scores_of(NONE, citations=(RIGHT, RIGHT)),  # nothing answers it: no citation is right
    ]
    precision = estimate([one["citation_precision"] for one in answered])
    recall = estimate([one["citation_recall"] for one in answered])
    assert precision is not None
    assert recall is not None
    assert precision.value == pytest.approx(2 / 6)
    assert (recall.value, recall.count, recall.unscored_count) == (0.5, 4, 1)


# -- abstention ----------------------------------------------------------------------------------------------
def summed(pairs: list[tuple[bool, bool]], measure: str) -> float | None:
    """``pairs``: (answerable, declined)."""
    scores = [
        scores_of(
            GoldQuestion(str(number), "?", answerable=answerable),
            status="abstained" if declined else "answered",
        )[measure]
        for number, (answerable, declined) in enumerate(pairs)
    ]
    found = estimate(scores)
    return None if found is None else found.value


def test_abstention_by_hand() -> None:
    # 3 of 4 unanswerable ones declined, 2 of 6 answerable ones: tp 3, fn 1, fp 2.
    pairs = [(False, True)] * 3 + [(False, False)] + [(True, True)] * 2 + [(True, False)] * 4
    assert summed(pairs, "abstention_precision") == pytest.approx(3 / 5)
    assert summed(pairs, "abstention_recall") == pytest.approx(3 / 4)
    assert summed(pairs, "abstention_f1") == pytest.approx(6 / 9)
    assert summed(pairs, "wrongly_declined") == pytest.approx(2 / 6)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_f1_of_abstention_is_the_harmonic_mean(pairs: list[tuple[bool, bool]]) -> None:
    precision, recall = summed(pairs, "abstention_precision"), summed(pairs, "abstention_recall")
    f1 = summed(pairs, "abstention_f1")
    if precision and recall:
        assert f1 == pytest.approx(2 * precision * recall / (precision + recall))
    elif precision is not None or recall is not None:
        assert f1 == 0.0
    else:
        assert f1 is None


def test_a_model_that_refuses_has_declined() -> None:
    assert scores_of(NONE, None, status="refused")["abstention_recall"] == Score(1.0, 1.0)


# -- what is not scored --------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", ["error", "invalid", "budget"])
def test_an_error_is_unscored_and_its_cost_still_counts(status: str) -> None:
    scores = scores_of(text=None, status=status, cost_usd=0.25)
    cost = scores.pop("cost_usd_per_answer")
    assert set(scores) == set(ANSWER_MEASURES) - {"cost_usd_per_answer"}
    assert set(scores.values()) == {None}
    assert cost == Score(0.25, 0.0)


def test_cost_is_for_an_answer_that_was_given() -> None:
    rows = [
        scores_of(cost_usd=0.02),
        scores_of(cost_usd=0.04, status="abstained"),
        scores_of(cost_usd=None),
        scores_of(cost_usd=0.0, status="error"),
    ]
    found = estimate([one["cost_usd_per_answer"] for one in rows])
    assert found is not None
    assert found.value == pytest.approx(0.06)
    assert found.unscored_count == 1


def test_what_nobody_said_of_a_question_is_not_scored() -> None:
    scores = scores_of(GoldQuestion("q", "?"), citations=(RIGHT,))
    assert {name for name, score in scores.items() if score is not None} == set()
    assert set(answer_scores(GOLD, None).values()) == {None}

from __future__ import annotations

import pytest

from wellread.retrieval.proximity import NOTHING, closeness

WEIGHTS = {"renew": 3.0, "term": 1.0}


def test_words_that_stand_together_count_whole() -> None:
    found = closeness(WEIGHTS, ["the", "renew", "term", "is"], window_tokens=2)
    assert (found.coverage, found.proximity) == (1.0, 1.0)


def test_words_further_apart_than_the_window_count_as_the_heavier_one() -> None:
    found = closeness(WEIGHTS, ["renew", *["x"] * 5, "term"], window_tokens=6)
    assert (found.coverage, found.proximity) == (1.0, 0.75)
    assert closeness(WEIGHTS, ["renew", *["x"] * 5, "term"], window_tokens=7).proximity == 1.0


def test_a_repeated_word_counts_once() -> None:
    assert closeness(WEIGHTS, ["term"] * 10).proximity == 0.25


def test_a_word_of_the_title_counts_everywhere() -> None:
    assert closeness(WEIGHTS, ["term"], title_terms={"renew"}).proximity == 1.0
    assert closeness(WEIGHTS, [], title_terms={"renew"}).proximity == 0.75


@pytest.mark.parametrize("weights", [{}, {"renew": 0.0}])
def test_a_question_without_weight_is_close_to_nothing(weights: dict[str, float]) -> None:
    assert closeness(weights, ["renew"]) == NOTHING

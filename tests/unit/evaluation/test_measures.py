from __future__ import annotations

import pytest

from wellread.evaluation.gold import GoldPassage, GoldQuestion
from wellread.evaluation.measures import (
    Score,
    auroc,
    document_measures,
    estimate,
    estimate_auroc,
    first_hit,
    holds_answer,
    share_of_words,
    unique_documents,
)

GOLD = GoldQuestion("q", "?", (GoldPassage("a", "one two three four five"),), ("Ada Lovelace",))


def test_words_are_compared_as_bags_of_letters_and_digits() -> None:
    assert share_of_words("One, two: TWO!", "two one") == pytest.approx(2 / 3)
    assert share_of_words("…", "anything") == 0.0


def test_a_hit_needs_the_document_and_sixty_percent_of_the_words() -> None:
    assert first_hit(GOLD, [("b", "one two three four five"), ("a", "one two"), ("a", "three two one")]) == 3
    assert first_hit(GOLD, [("b", "one two three four five")]) is None


def test_an_answer_is_found_word_for_word_only() -> None:
    assert holds_answer(GOLD, "It was ADA  Lovelace!")
    assert not holds_answer(GOLD, "Ada Lovelaces")


def test_documents_are_ranked_by_their_best_chunk() -> None:
    assert unique_documents(["b", "a", "b", "c"]) == ["b", "a", "c"]


def test_measures_by_document_agree_with_hand_calculation() -> None:
    found = document_measures({"1": {"a"}, "2": {"a", "b"}, "3": {"z"}}, {"1": ["x", "a"], "2": ["a", "b"]})
    assert found["mrr@10"] == {"1": 0.5, "2": 1.0, "3": 0.0}
    assert found["recall@10"] == {"1": 1.0, "2": 1.0, "3": 0.0}
    assert found["ndcg@10"]["1"] == pytest.approx(0.6309, abs=1e-4)
    assert found["ndcg@10"]["2"] == pytest.approx(1.0)


def test_auroc_counts_ties_half_and_needs_both_classes() -> None:
    assert auroc([0.9, 0.8, 0.1], [True, True, False]) == 1.0
    assert auroc([0.5, 0.5], [True, False]) == 0.5
    assert auroc([0.5], [True]) is None
    assert estimate_auroc([], []) is None


def test_an_interval_holds_the_mean_repeats_itself_and_counts_what_it_left_out() -> None:
    scores = [None if value is None else Score(value) for value in (1.0, 0.0, None, 1.0, 1.0, None)]
    found = estimate(scores, seed=3)
    assert found is not None
    assert (found.value, found.count, found.unscored_count) == (0.75, 4, 2)
    assert found.low <= found.value <= found.high
    assert found == estimate(scores, seed=3)


def test_nothing_scored_is_no_estimate() -> None:
    assert estimate([None, None]) is None

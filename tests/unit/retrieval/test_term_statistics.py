from __future__ import annotations

import pytest

from wellread.retrieval.term_statistics import CountedTerms, count_terms, inverse_frequencies, rarity_ratio


def test_a_stem_is_counted_once_a_chunk() -> None:
    counted = count_terms([("licences and a licence", "en"), ("the licence", "en"), ("nothing here", "en")])
    assert counted.chunk_count == 3
    assert counted.document_frequency("licenc") == 2
    assert counted.document_frequency("the") == 0


def test_rarer_terms_weigh_more_and_none_weighs_less_than_nothing() -> None:
    weights = inverse_frequencies(["all", "some", "none"], CountedTerms(10, {"all": 10, "some": 3}))
    assert 0 < weights["all"] < weights["some"] < weights["none"]


def test_counts_that_run_ahead_of_the_total_do_no_harm() -> None:
    assert inverse_frequencies(["all"], CountedTerms(3, {"all": 99}))["all"] >= 0


def test_rarity_runs_from_nearly_nothing_to_one() -> None:
    counted = CountedTerms(1000, {"everywhere": 1000})
    assert rarity_ratio("nowhere", counted) == pytest.approx(1.0)
    assert rarity_ratio("everywhere", counted) < 0.01

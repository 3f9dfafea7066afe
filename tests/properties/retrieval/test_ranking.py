"""Windows and mentions against the plainest possible definitions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.retrieval.proximity import closeness
from wellread.retrieval.resolution import find_mention
from wellread.retrieval.words import is_stop_word

TERMS = st.lists(st.sampled_from("abcdexyz"), max_size=40)
WEIGHTS = st.dictionaries(st.sampled_from("abcde"), st.floats(0.1, 5), min_size=1)


@given(WEIGHTS, TERMS, st.integers(1, 12), st.frozensets(st.sampled_from("abcde"), max_size=2))
def test_proximity_is_the_best_of_all_windows(
    weights: dict[str, float], chunk: list[str], window: int, title: frozenset[str]
) -> None:
    def mass(present: set[str]) -> float:
        return sum(weight for term, weight in weights.items() if term in present) / sum(weights.values())

    windows = [set(chunk[start : start + window]) | title for start in range(max(1, len(chunk)))]
    found = closeness(weights, chunk, title_terms=title, window_tokens=window)
    assert found.proximity == pytest.approx(max(mass(one) for one in windows))
    assert found.coverage == pytest.approx(mass(set(chunk) | title))
    assert 0 <= found.proximity <= found.coverage + 1e-9 <= 1 + 1e-6


WORDS = st.lists(st.sampled_from(["ada", "bob", "corp", "which", "law", "rules", "the", "q"]), max_size=14)


@given(WORDS, st.frozensets(st.sampled_from(["ada", "bob", "corp", "law"])))
def test_a_mention_is_a_stretch_with_the_largest_sum(question: list[str], names: frozenset[str]) -> None:
    rarities = {"ada": 0.9, "bob": 0.6, "corp": 0.3, "law": 0.1}

    def rarity(word: str) -> float:
        return rarities.get(word, 0.5)

    def worth(word: str) -> float:
        if len(word) == 1 or is_stop_word(word):
            return -0.02
        return rarity(word) - 0.15 if word in names else -rarity(word)

    text = " ".join(question)
    sums = [
        sum(map(worth, question[start:end]))
        for start in range(len(question))
        for end in range(start + 1, len(question) + 1)
    ]
    found = find_mention(text, names, rarity, least_rarity=0.15)
    if found is None:
        assert max(sums, default=0.0) <= 0
    else:
        stretch = text[found.start_char : found.end_char].split()
        assert sum(map(worth, stretch)) == pytest.approx(max(sums))
        assert found.rare_words == {word for word in stretch if word in names and rarity(word) > 0.15}

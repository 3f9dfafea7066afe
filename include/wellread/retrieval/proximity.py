"""The second stage: how much of a question stands close together in a chunk.

*Coverage* is the share of the question's rarity mass that occurs in the chunk or its title; *proximity* the
largest share inside any window of some tokens. Keyword and vector scores look at a chunk as a whole;
these look for the one sentence that speaks of everything asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Closeness:
    """Both shares, from 0 (nothing of the question) to 1 (all of it)."""

    coverage: float
    proximity: float


NOTHING = Closeness(0.0, 0.0)


def closeness(
    weights: Mapping[str, float],
    chunk_terms: Sequence[str],
    *,
    title_terms: Collection[str] = (),
    window_tokens: int = 25,
) -> Closeness:
    """Coverage and proximity of a question in one chunk.

    ``weights`` are the question's terms with their inverse frequencies, ``chunk_terms`` the chunk's stems in
    order. Terms of the title count as present everywhere in the chunk: the title is said once for all of it.
    """
    total = sum(weights.values())
    if total <= 0:
        return NOTHING
    # Lists and not sets: sums of floats depend on the order.
    in_title = [term for term in weights if term in title_terms]
    base = sum(weights[term] for term in in_title)
    places = [
        (position, term) for position, term in enumerate(chunk_terms) if term in weights and term not in in_title
    ]
    covered = base + sum(weights[term] for term in dict.fromkeys(term for _, term in places))
    return Closeness(covered / total, (base + _best_window(places, weights, window_tokens)) / total)


def _best_window(places: Sequence[tuple[int, str]], weights: Mapping[str, float], window_tokens: int) -> float:
    """The largest mass of distinct terms whose positions lie less than ``window_tokens`` apart."""
    inside: Counter[str] = Counter()
    mass = best = 0.0
    first = 0
    for position, term in places:
        if inside[term] == 0:
            mass += weights[term]
        inside[term] += 1
        while places[first][0] <= position - window_tokens:
            leaving = places[first][1]
            inside[leaving] -= 1
            if inside[leaving] == 0:
                mass -= weights[leaving]
            first += 1
        best = max(best, mass)
    return best

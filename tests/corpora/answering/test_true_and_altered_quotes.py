"""Quotes of real documents: true ones are found however they are written, altered and invented ones are not.

A small sample of the labelled set that ``benchmarks/quotes.py`` measures whole.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from wellread.answering.checking.quotes import DEFAULT_QUOTES, locate_quote

pytestmark = pytest.mark.corpora

ROOT = Path(__file__).parents[3]
FLOOR_RATIO = 0.97
LEAST_OF_A_FAMILY = 50


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """The benchmark's own measuring functions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        return importlib.import_module("benchmarks.quotes")


@pytest.fixture(scope="module")
def labelled(benchmark: ModuleType, corpora: Path) -> Sequence[Any]:
    found: Sequence[Any] = benchmark.quote_set(corpora, count=15, most_documents=8).build()
    return found


def families(labelled: Sequence[Any], *, supported: bool) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for quote in labelled:
        if quote.supported == supported:
            found.setdefault(quote.family, []).append(quote)
    return found


def test_precision_and_recall_of_supported_stay_above_the_floor(
    benchmark: ModuleType, labelled: Sequence[Any]
) -> None:
    measured = benchmark.measure(labelled, DEFAULT_QUOTES)
    assert measured["precision_ratio"] >= FLOOR_RATIO
    assert measured["recall_ratio"] >= FLOOR_RATIO


def test_no_family_of_untrue_quotes_gets_through(benchmark: ModuleType, labelled: Sequence[Any]) -> None:
    for family, quotes in families(labelled, supported=False).items():
        passed = [quote for quote in quotes if benchmark.is_supported(quote, DEFAULT_QUOTES)]
        assert len(quotes) >= LEAST_OF_A_FAMILY, family
        assert len(passed) / len(quotes) <= 1 - FLOOR_RATIO, [(quote.kind, quote.quote) for quote in passed[:5]]


def test_no_family_of_true_quotes_is_refused(benchmark: ModuleType, labelled: Sequence[Any]) -> None:
    for family, quotes in families(labelled, supported=True).items():
        refused = [quote for quote in quotes if not benchmark.is_supported(quote, DEFAULT_QUOTES)]
        assert len(refused) / len(quotes) <= 1 - FLOOR_RATIO, [
            (family, quote.kind, quote.quote) for quote in refused
        ]


def test_a_sentence_of_a_document_is_found_with_its_own_span(labelled: Sequence[Any]) -> None:
    for quote in families(labelled, supported=True)["true, exact"]:
        location = locate_quote(quote.quote, quote.passage)
        assert location.match == "exact"
        assert quote.passage[location.start : location.end] == quote.quote.strip()


def test_the_labelled_set_is_the_same_every_time(benchmark: ModuleType, corpora: Path) -> None:
    first, second = (benchmark.quote_set(corpora, count=2, most_documents=2).build() for _ in range(2))
    assert first == second


def test_halves_share_no_document(labelled: Sequence[Any]) -> None:
    halves: dict[str, set[str]] = {"dev": set(), "test": set()}
    for quote in families(labelled, supported=True)["true, exact"]:
        halves[quote.half].add(quote.passage)
    assert halves["dev"]
    assert halves["test"]
    assert not halves["dev"] & halves["test"]

"""Does the quote check tell true quotes from altered and invented ones? ``python -m benchmarks.quotes``.

Builds the labelled set (``quote_sets``) from public documents, chooses the thresholds on the development half, and
reports precision and recall of "supported" on both. Usage::

    WELLREAD_CORPORA=FOLDER python -m benchmarks.quotes [--count 120]

``WELLREAD_CORPORA`` or ``--corpora`` names the folder of public document sets.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.quote_sets import SEED, LabelledQuote, count_by, quote_set
from benchmarks.reporting import load_average, write_results

from wellread.answering.checking.quotes import DEFAULT_QUOTES, QuoteSettings, locate_quote

TARGET_RATIO = 0.98
GRID = tuple(
    QuoteSettings(fuzzy_least_ratio=letters, word_least_ratio=word, fuzzy_least_chars=chars)
    for letters, word, chars in itertools.product((80.0, 85.0, 90.0, 95.0), (50.0, 60.0, 70.0), (10, 20, 40))
)
LENIENT = QuoteSettings(fuzzy_least_ratio=50.0, word_least_ratio=50.0, fuzzy_least_chars=1)


def main() -> int:
    """Measure, write ``results/quotes.json``; 1 where a target is missed on the test half."""
    options = _options()
    made = quote_set(options.corpora, count=options.count)
    quotes = made.build()
    dev = [quote for quote in quotes if quote.half == "dev"]
    test = [quote for quote in quotes if quote.half == "test"]
    load_before = load_average()
    settings = choose(dev)
    results = {
        "seed": SEED,
        "quotes_count": len(quotes),
        "of_each_source_count": count_by(quotes, lambda quote: quote.source),
        "thresholds": settings.model_dump(),
        "thresholds_are_the_defaults": settings == DEFAULT_QUOTES,
        "dev": measure(dev, settings),
        "test": measure(test, settings),
        "beyond_slips_of_the_pen": _supported(made.build_slips(), settings),
        "milliseconds_of_one_check": _milliseconds(test, settings),
        "load_average": [load_before, load_average()],
    }
    write_results("quotes", results, packages=("rapidfuzz",))
    _print(results)
    reached = results["test"]
    assert isinstance(reached, dict)
    return 0 if min(reached["precision_ratio"], reached["recall_ratio"]) >= TARGET_RATIO else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    named = os.environ.get("WELLREAD_CORPORA")
    parser.add_argument("--corpora", type=Path, default=named, required=named is None)
    parser.add_argument("--count", type=int, default=120, help="quotes of each kind, at most")
    options = parser.parse_args()
    options.corpora = Path(options.corpora)
    return options


def choose(quotes: Sequence[LabelledQuote]) -> QuoteSettings:
    """The settings of the grid with the best worse half of (precision, recall); of equals the strictest.

    Only quotes that the most lenient settings find by forgiving anything can come out otherwise under others.
    """
    matches = [locate_quote(quote.quote, quote.passage, settings=LENIENT).match for quote in quotes]
    counts = Counter((quote.supported, match != "failed") for quote, match in zip(quotes, matches, strict=True))
    undecided = [quote for quote, match in zip(quotes, matches, strict=True) if match == "fuzzy"]

    def worse_half(settings: QuoteSettings) -> float:
        lost = Counter(quote.supported for quote in undecided if not is_supported(quote, settings))
        true, false = counts[True, True] - lost[True], counts[False, True] - lost[False]
        return min(true / (true + false), true / (counts[True, True] + counts[True, False]))

    return max(
        GRID,
        key=lambda one: (worse_half(one), one.fuzzy_least_ratio, one.word_least_ratio, one.fuzzy_least_chars),
    )


def is_supported(quote: LabelledQuote, settings: QuoteSettings) -> bool:
    """What the check says."""
    return locate_quote(quote.quote, quote.passage, settings=settings).match != "failed"


def measure(quotes: Sequence[LabelledQuote], settings: QuoteSettings) -> dict[str, object]:
    """Precision and recall of "supported", and for each family and kind the share that is judged rightly."""
    said = [is_supported(quote, settings) for quote in quotes]
    pairs = Counter((quote.supported, one) for quote, one in zip(quotes, said, strict=True))
    by_kind: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for quote, one in zip(quotes, said, strict=True):
        by_kind[quote.family][quote.kind].append(one == quote.supported)
    true_positive = pairs[True, True]
    return {
        "true_count": true_positive + pairs[True, False],
        "untrue_count": pairs[False, True] + pairs[False, False],
        "precision_ratio": _ratio(true_positive, true_positive + pairs[False, True]),
        "recall_ratio": _ratio(true_positive, true_positive + pairs[True, False]),
        "families": {
            family: {
                "count": sum(map(len, kinds.values())),
                "right_ratio": _ratio(sum(map(sum, kinds.values())), sum(map(len, kinds.values()))),
                "kinds": {kind: f"{sum(right)} of {len(right)}" for kind, right in kinds.items()},
            }
            for family, kinds in by_kind.items()
        },
    }


def _supported(quotes: Sequence[LabelledQuote], settings: QuoteSettings) -> dict[str, int]:
    return {"count": len(quotes), "supported_count": sum(is_supported(quote, settings) for quote in quotes)}


def _ratio(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _milliseconds(quotes: Sequence[LabelledQuote], settings: QuoteSettings) -> dict[str, float]:
    """Of one quote in a passage that nobody has asked before."""
    taken = []
    for quote in quotes:
        unseen = quote.passage + " "
        started = time.perf_counter()
        locate_quote(quote.quote, unseen, settings=settings)
        taken.append(1000 * (time.perf_counter() - started))
    return {"median": round(statistics.median(taken), 3), "p95": round(statistics.quantiles(taken, n=20)[-1], 3)}


def _print(results: dict[str, object]) -> None:
    print(f"thresholds {results['thresholds']}")
    print(f"slips of the pen, by design not forgiven: {results['beyond_slips_of_the_pen']}")
    for part in ("dev", "test"):
        found = results[part]
        assert isinstance(found, dict)
        print(f"{part}: precision {found['precision_ratio']}, recall {found['recall_ratio']}")
        for family, of_family in found["families"].items():
            print(f"  {family:28} {of_family['right_ratio']:.4f} of {of_family['count']}")


if __name__ == "__main__":
    sys.exit(main())

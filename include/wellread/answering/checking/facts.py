"""What a quote may not change: its numbers, its negations, its content words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from rapidfuzz import fuzz

_NUMBER = re.compile(r"\d+(?:[.,:/\-\u2010-\u2015]\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_NEGATIONS = frozenset(
    {
        *("not", "no", "never", "none", "nor", "neither", "nobody", "nothing", "nowhere", "without", "cannot"),
        *("nicht", "kein", "keine", "keinen", "keinem", "keiner", "keines", "nie", "niemals", "ohne"),
        *("ne", "pas", "jamais", "aucun", "aucune", "sans", "ni", "nunca", "sin", "ningún", "ninguna"),
    }
)
"""English, German, French and Spanish."""
_OPPOSITES = ("un", "in", "im", "il", "ir", "non", "dis", "mis")
"""Prefixes that turn a word into its contrary: two words that differ in one are never alike."""


def numbers_of(text: str) -> Counter[str]:
    """Every number, date or time in digits with how often it stands there; ``1,000`` counts as ``1000``.

    Digits of other scripts and full-width ones count by value; superscripts are no part of a number.
    """
    found = (unicodedata.normalize("NFKC", match.group()) for match in _NUMBER.finditer(text))
    return Counter(_plain(number) for number in found)


def _plain(number: str) -> str:
    ascii_digits = "".join(str(int(part)) if part.isdigit() else part for part in number)
    if _GROUPED.fullmatch(ascii_digits):
        return ascii_digits.replace(",", "")
    return re.sub("[\u2010-\u2015]", "-", ascii_digits)


def negations_of(text: str) -> Counter[str]:
    """Every negation with how often it stands there; ``don't`` counts as ``not``."""
    found: Counter[str] = Counter()
    for word in words_of(text):
        if word.endswith("n't") or word == "cannot":
            found["not"] += 1
        elif word in _NEGATIONS:
            found[word] += 1
    return found


def words_of(text: str) -> list[str]:
    """Case-folded words in order, without numbers."""
    return [match.group().casefold().replace("\u2019", "'") for match in _WORD.finditer(text)]


def alike(first: str, second: str, *, least_ratio: float) -> bool:
    """Whether two words are one word up to recognition noise. ``least_ratio`` is from 0 to 100."""
    if first == second:
        return True
    short, long = sorted((first, second), key=len)
    if any(long == prefix + short for prefix in _OPPOSITES):
        return False
    return fuzz.ratio(first, second) >= least_ratio


def unsupported_words(quote: str, span: str, *, least_ratio: float) -> list[str]:
    """Words of the quote of four letters or more for which the span has none alike, each used once."""
    available = words_of(span)
    missing = []
    for word in words_of(quote):
        match = next((other for other in available if alike(word, other, least_ratio=least_ratio)), None)
        if match is not None:
            available.remove(match)
        elif len(word) >= 4:
            missing.append(word)
    return missing

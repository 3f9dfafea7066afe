"""What a quote may not change, whatever else is forgiven: its numbers and its negations."""

from __future__ import annotations

from collections import Counter

from wellread.answering.checking.letters import read_letters

_AS_NOT = {"n't": "not", "cannot": "not"}
_NEGATIONS = frozenset(
    {
        *("not", "no", "never", "none", "nor", "neither", "nobody", "nothing", "nowhere", "without"),
        *("nicht", "kein", "keine", "keinen", "keinem", "keiner", "keines", "nie", "niemals", "ohne"),
        *("ne", "pas", "jamais", "aucun", "aucune", "sans", "ni", "nunca", "sin", "ningún", "ninguna"),
        *("не", "нет", "ни", "без", "никогда", "لا", "لم", "لن", "ليس", "नहीं", "नही", "मत", "बिना"),
    }
)
"""English, German, French, Spanish, Russian, Arabic, Hindi. Others are held by their letters alone."""


def numbers_of(text: str) -> Counter[str]:
    """Every number with how often it stands there: by value where that is sure, see ``letters.read_letters``.

    A superscript begins with ``^``: it is no part of the number before it.
    """
    return Counter(read_letters(text).numbers)


def negations_of(text: str) -> Counter[str]:
    """Every negation with how often it stands there; ``don't`` and ``cannot`` count as ``not``."""
    words = (_AS_NOT.get(word, word) for word in read_letters(text).words)
    return Counter(word for word in words if word in _NEGATIONS)

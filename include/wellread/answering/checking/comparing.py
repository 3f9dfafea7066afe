"""Two readings side by side at one place: what is misread, and would that be believed?"""

from __future__ import annotations

from dataclasses import dataclass

from wellread.answering.checking.letters import Letters
from wellread.answering.checking.misreadings import are_two_words, is_misreading, letters_of


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a quote differs from a place whose classes of shape are the same."""

    misread_count: int
    """Letters."""
    is_respaced: bool
    """Whether words are joined or parted that are not so in the text; a hyphen may do that."""


def compare_at(quote: Letters, text: Letters, start: int, *, word_least_ratio: float) -> Comparison | None:
    """Compare the quote with the text from unit ``start`` on; ``None`` where a word is another word.

    ``word_least_ratio`` is the least share, from 0 to 1, of a word's letters that must be read as they are; one
    misread letter in a word is always believed.
    """
    end = start + len(quote.units)
    breaks = text.breaks[start:end]
    misread = 0
    if text.units[start:end] != quote.units:
        for first, last in _segments(quote.breaks, breaks):
            found = _misread_letters(quote, text, start, first, last)
            if found is None or (found > 1 and 1 - found / (last - first) < word_least_ratio):
                return None
            misread += found
    return Comparison(misread, _is_respaced(quote.breaks, breaks))


def _segments(quote_breaks: str, text_breaks: str) -> list[tuple[int, int]]:
    """Spans of units between the breaks of either side: a word, or what both sides agree is in one word."""
    pairs = zip(quote_breaks, text_breaks, strict=True)
    cuts = [place for place, pair in enumerate(pairs) if place and pair != ("0", "0")]
    return list(zip([0, *cuts], [*cuts, len(quote_breaks)], strict=True))


def _misread_letters(quote: Letters, text: Letters, start: int, first: int, last: int) -> int | None:
    """How many letters of one word are misread; ``None`` where they are not misread but other letters."""
    asked, written = quote.units[first:last], text.units[start + first : start + last]
    if asked == written:
        return 0
    is_name = quote.in_names[first] and text.in_names[start + first]
    asked_word, written_word = letters_of(asked), letters_of(written)
    letters_count = min(len(asked_word), len(written_word))
    count = 0
    for place, (one, other) in enumerate(zip(asked, written, strict=True)):
        if one == other:
            continue
        following = letters_of(asked[place + 1 :])
        if not is_misreading(one, other, letters_count=letters_count, following=following, is_name=is_name):
            return None
        count += not one.endswith(">") and not other.endswith(">")
    return None if are_two_words(asked_word, written_word) else count


def _is_respaced(quote_breaks: str, text_breaks: str) -> bool:
    pairs = list(zip(quote_breaks, text_breaks, strict=True))[1:]
    return any(pair in (("0", "2"), ("2", "0")) for pair in pairs)

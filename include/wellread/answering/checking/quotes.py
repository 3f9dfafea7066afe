"""Is this quote really in that passage, and where? The one checker for every kind of answer.

The answer names a passage; the quote must be found *there*. Steps, first success wins: *exact* (character by
character), *normalised* (case, white space, quotes, dashes, compatibility forms, invisible characters), *fuzzy*
(recognition noise), else *failed*. Whatever the step, numbers and negations of quote and place must be the same:
a quote that says 30 days where the document says 60 is no quote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from rapidfuzz import fuzz

from wellread.answering.checking.facts import negations_of, numbers_of, unsupported_words
from wellread.answering.checking.normalising import NormalisedText, cuts_word, normalise
from wellread.documents import Passage
from wellread.questions import Citation, QuoteMatch

QuoteProblem = Literal["empty", "not_found", "numbers_differ", "negations_differ", "words_differ"]


class QuoteSettings(BaseModel):
    """How strictly quotes are located."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fuzzy_least_ratio: float = Field(
        default=90.0, ge=50.0, le=100.0, description="Least similarity of quote and place, 0 to 100, for `fuzzy`."
    )
    fuzzy_least_chars: int = Field(
        default=20, ge=1, description="Shorter quotes must match up to normalisation: too few letters to judge."
    )
    word_least_ratio: float = Field(
        default=75.0,
        ge=50.0,
        le=100.0,
        description="Least similarity of two words, 0 to 100, to count as one: allows a misread letter or two.",
    )


@dataclass(frozen=True, slots=True)
class QuoteLocation:
    """Where a quote was found in a text, or why not."""

    match: QuoteMatch
    start: int | None = None
    """Inclusive, over the searched text; ``None`` where ``match`` is ``failed``."""
    end: int | None = None
    """Exclusive."""
    problem: QuoteProblem | None = None


DEFAULT_QUOTES = QuoteSettings()


def locate_quote(quote: str, text: str, *, settings: QuoteSettings = DEFAULT_QUOTES) -> QuoteLocation:
    """Find ``quote`` in ``text``: exact, normalised, fuzzy or failed, with its span in ``text``."""
    wanted = quote.strip()
    if not any(character.isalnum() for character in wanted):
        return QuoteLocation("failed", problem="empty")
    start = _find(text, wanted)
    if start is not None:
        return QuoteLocation("exact", start, start + len(wanted))
    place, compared = normalise(text), normalise(wanted)
    if not compared.text:
        return QuoteLocation("failed", problem="empty")
    start = _find(place.text, compared.text)
    if start is not None:
        span = place.original_span(start, start + len(compared.text))
        return _judged("normalised", wanted, text, span)
    return _locate_fuzzy(wanted, compared.text, text, place, settings)


def _find(text: str, wanted: str) -> int | None:
    """The first occurrence whose edges part no word and no number."""
    start = text.find(wanted)
    while start >= 0:
        if not cuts_word(text, start) and not cuts_word(text, start + len(wanted)):
            return start
        start = text.find(wanted, start + 1)
    return None


def _judged(match: QuoteMatch, quote: str, text: str, span: tuple[int, int]) -> QuoteLocation:
    found = text[span[0] : span[1]]
    if numbers_of(quote) != numbers_of(found):
        return QuoteLocation("failed", problem="numbers_differ")
    if negations_of(quote) != negations_of(found):
        return QuoteLocation("failed", problem="negations_differ")
    return QuoteLocation(match, *span)


def _locate_fuzzy(
    quote: str, compared: str, text: str, place: NormalisedText, settings: QuoteSettings
) -> QuoteLocation:
    if len(compared) < settings.fuzzy_least_chars or len(compared) > len(place.text) * 1.25:
        return QuoteLocation("failed", problem="not_found")
    aligned = fuzz.partial_ratio_alignment(compared, place.text, score_cutoff=settings.fuzzy_least_ratio * 0.9)
    if aligned is None:
        return QuoteLocation("failed", problem="not_found")
    start, end = _whole_words(place.text, aligned.dest_start, aligned.dest_end)
    if start >= end or fuzz.ratio(compared, place.text[start:end]) < settings.fuzzy_least_ratio:
        return QuoteLocation("failed", problem="not_found")
    span = place.original_span(start, end)
    if unsupported_words(quote, text[span[0] : span[1]], least_ratio=settings.word_least_ratio):
        return QuoteLocation("failed", problem="words_differ")
    return _judged("fuzzy", quote, text, span)


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """The span grown until its edges part no word, without white space at its ends."""
    while cuts_word(text, start):
        start -= 1
    while cuts_word(text, end):
        end += 1
    while start < end and text[start] == " ":
        start += 1
    while end > start and text[end - 1] == " ":
        end -= 1
    return start, end


def document_span(passage: Passage, start: int, end: int) -> tuple[int, int] | None:
    """A span of the passage's text as a span of the cleaned document.

    ``None`` where it touches the repeated header of a table: that text stands elsewhere in the document.
    """
    if start < passage.repeated_chars:
        return None
    shift = passage.start_char - passage.repeated_chars
    return start + shift, end + shift


def cite(passage: Passage, quote: str, *, settings: QuoteSettings = DEFAULT_QUOTES) -> Citation:
    """The checked citation of a quote in one passage; ``match`` says how it was found.

    The quote is given back as the document has it; a failed one as it was claimed, with no offsets.
    """
    location = locate_quote(quote, passage.text, settings=settings)
    span: tuple[int, int] | None = None
    if location.start is not None and location.end is not None:
        quote = passage.text[location.start : location.end]
        span = document_span(passage, location.start, location.end)
    return Citation(
        document=passage.document,
        doc_id=str(passage.doc_id),
        version_hash=passage.version_hash,
        chunk_key=str(passage.chunk_key),
        quote=quote,
        page=passage.page,
        start_char=span[0] if span else None,
        end_char=span[1] if span else None,
        match=location.match,
    )

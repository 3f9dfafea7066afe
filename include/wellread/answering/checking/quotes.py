"""Is this quote really in that passage, and where? The one checker for every kind of answer.

The answer names a passage; the quote must be found *there*. Steps, first success wins: *exact* (character by
character), *normalised* (the same letters, numbers and signs: case, white space, punctuation, compatibility forms,
invisible characters aside), *fuzzy* (letters that recognition misread, spaces that it lost), else *failed*.
Whatever the step, no word may be missing, added or another word, and numbers and negations must be the same:
a quote that says 30 days where the document says 60 is no quote. A quote with a cut mark (``...``) in its
middle fails too, for what was cut may turn the meaning; at its ends the mark is punctuation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from rapidfuzz import fuzz

from wellread.answering.checking.comparing import Comparison, compare_at
from wellread.answering.checking.facts import negations_of, numbers_of
from wellread.answering.checking.letters import Letters, read_letters
from wellread.answering.checking.normalising import cuts_word, normalise
from wellread.documents import Passage
from wellread.questions import Citation, QuoteMatch

QuoteProblem = Literal["empty", "not_found", "numbers_differ", "negations_differ", "words_differ"]


class QuoteSettings(BaseModel):
    """How strictly quotes are located."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fuzzy_least_ratio: float = Field(
        default=90.0,
        ge=50.0,
        le=100.0,
        description="Least share, in per cent, of a quote's letters that are read as the document has them.",
    )
    fuzzy_least_chars: int = Field(
        default=20,
        ge=1,
        description="Quotes of fewer letters must match up to normalisation: misread, they say too little.",
    )
    word_least_ratio: float = Field(
        default=70.0,
        ge=50.0,
        le=100.0,
        description="Least share, in per cent, of one word's letters that are read as the document has them, "
        "where more than one is misread.",
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
_SIMILAR_PLACE = 75.0


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
    return _locate_read(wanted, text, settings)


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


def _locate_read(quote: str, text: str, settings: QuoteSettings) -> QuoteLocation:
    """Find the quote by its letters, numbers and signs alone; misread letters and lost spaces make it fuzzy."""
    wanted, place = read_letters(quote), read_letters(text)
    best: tuple[int, QuoteLocation] | None = None
    start = place.classes.find(wanted.classes) if wanted.classes else -1
    while start >= 0:
        found = compare_at(wanted, place, start, word_least_ratio=settings.word_least_ratio / 100)
        if found is not None and not _cuts(text, place, start, start + len(wanted.classes)):
            span = place.starts[start], place.ends[start + len(wanted.classes) - 1]
            location = _graded(quote, text, span, found, len(wanted.classes), settings)
            if location.match == "normalised":
                return location
            if location.match != "failed" and (best is None or found.misread_count < best[0]):
                best = found.misread_count, location
        start = place.classes.find(wanted.classes, start + 1)
    return best[1] if best is not None else QuoteLocation("failed", problem=_why_not(quote, text, settings))


def _cuts(text: str, place: Letters, start: int, end: int) -> bool:
    """Whether these units begin or end inside a letter, a word or a number of the text."""
    if place.units[start].endswith(">") or place.units[end - 1].endswith("<"):
        return True
    return cuts_word(text, place.starts[start]) or cuts_word(text, place.ends[end - 1])


def _graded(
    quote: str, text: str, span: tuple[int, int], found: Comparison, letters: int, settings: QuoteSettings
) -> QuoteLocation:
    if not found.misread_count and not found.is_respaced:
        return QuoteLocation("normalised", *span)
    read_as_written = 1 - found.misread_count / letters
    if letters < settings.fuzzy_least_chars or read_as_written < settings.fuzzy_least_ratio / 100:
        return QuoteLocation("failed", problem="words_differ")
    return _judged("fuzzy", quote, text, span)


def _why_not(quote: str, text: str, settings: QuoteSettings) -> QuoteProblem:
    """What is different at the most similar place: says why, decides nothing."""
    compared, place = normalise(quote), normalise(text)
    if len(compared.text) < settings.fuzzy_least_chars:
        return "not_found"
    aligned = fuzz.partial_ratio_alignment(compared.text, place.text, score_cutoff=_SIMILAR_PLACE)
    if aligned is None or aligned.dest_start >= aligned.dest_end or len(compared.text) > len(place.text) * 1.25:
        return "not_found"
    start, end = place.original_span(aligned.dest_start, aligned.dest_end)
    while cuts_word(text, start):
        start -= 1
    while cuts_word(text, end):
        end += 1
    found = text[start:end]
    if numbers_of(quote) != numbers_of(found):
        return "numbers_differ"
    return "negations_differ" if negations_of(quote) != negations_of(found) else "words_differ"


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

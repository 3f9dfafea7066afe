"""Sentences of passages, scored against a question. Pure functions of values.

A sentence's score is a weighted sum of five parts: its similarity to the question, the share of the question's
rare words in it, its passage's similarity and proximity, and the logarithm of its length.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wellread.answering.settings import ExtractionSettings
from wellread.documents import Passage
from wellread.models.protocol import Vectors
from wellread.retrieval.words import content_terms, words
from wellread.sentences import split_sentences

_CELLS = " | "
_LINE = re.compile(r"[^\n]+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence or table row that may become part of an answer."""

    passage_index: int
    """Position in the passages given, from 0."""
    start: int
    """Inclusive, over the passage's text."""
    end: int
    """Exclusive."""
    text: str
    """Verbatim: ``passage.text[start:end]``."""
    read_as: str
    """What is scored: a table row together with its header."""


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """A candidate with its score and the parts of it."""

    candidate: Candidate
    cosine: float
    coverage: float
    score: float


def candidate_sentences(passages: Sequence[Passage], settings: ExtractionSettings) -> tuple[Candidate, ...]:
    """The sentences of the best passages, in their order; neighbours of hits and headings are left out."""
    hits = [(index, passage) for index, passage in enumerate(passages) if passage.neighbour_of is None]
    read = hits[: settings.passage_count]
    return tuple(candidate for index, passage in read for candidate in _of_passage(index, passage))


def _of_passage(index: int, passage: Passage) -> list[Candidate]:
    text = passage.text
    header = text[: passage.repeated_chars].strip()
    names = {passage.title, *passage.headings}
    found = []
    for start, end in _units(text):
        if start < passage.repeated_chars or not any(character.isalnum() for character in text[start:end]):
            continue
        sentence = text[start:end]
        if sentence in names:  # a heading is near to every question about its section and answers none
            continue
        read_as = f"{header}\n{sentence}" if header else sentence
        found.append(Candidate(index, start, end, sentence, read_as))
    return found


def _units(text: str) -> list[tuple[int, int]]:
    """Sentences, but a line of table cells stays whole."""
    units: list[tuple[int, int]] = []
    for line in _LINE.finditer(text):
        if _CELLS in line.group():
            units.append(line.span())
        else:
            units.extend((line.start() + start, line.start() + end) for start, end in split_sentences(line.group()))
    return units


def shortlist(
    candidates: Sequence[Candidate],
    passages: Sequence[Passage],
    *,
    term_weights: Mapping[str, float],
    language: str,
    settings: ExtractionSettings,
) -> tuple[ScoredSentence, ...]:
    """The best candidates by all parts of the score but their own similarity, in the order given.

    ``term_weights`` are the question's stems with their inverse frequencies.
    """
    scored = []
    for candidate in candidates:
        coverage = _coverage(candidate.read_as, term_weights, language)
        signals = passages[candidate.passage_index].signals
        length = min(len(words(candidate.text)), settings.length_most_words)
        score = (
            settings.coverage_weight_ratio * coverage
            + settings.passage_cosine_weight_ratio * signals.get("cosine", 0.0)
            + settings.passage_proximity_weight_ratio * signals.get("proximity", 0.0)
            + settings.length_weight_ratio * math.log1p(length)
        )
        scored.append(ScoredSentence(candidate, 0.0, round(coverage, 6), score))
    best = sorted(range(len(scored)), key=lambda index: (-scored[index].score, index))
    return tuple(scored[index] for index in sorted(best[: settings.candidate_count]))


def add_similarity(
    sentences: Sequence[ScoredSentence],
    *,
    question_vector: Vectors,
    vectors: Vectors,
    settings: ExtractionSettings,
) -> tuple[ScoredSentence, ...]:
    """The sentences with their whole score, in the same order.

    ``question_vector`` has shape (dimensions,), ``vectors`` (sentences, dimensions), both of unit length.
    """
    cosines = np.asarray(vectors @ question_vector, dtype=np.float64).tolist()
    return tuple(
        ScoredSentence(
            one.candidate,
            round(cosine, 6),
            one.coverage,
            round(one.score + settings.cosine_weight_ratio * cosine, 6),
        )
        for one, cosine in zip(sentences, cosines, strict=True)
    )


def _coverage(text: str, term_weights: Mapping[str, float], language: str) -> float:
    total = sum(term_weights.values())
    if total <= 0:
        return 0.0
    present = content_terms(text, language=language)
    return sum(weight for term, weight in term_weights.items() if term in present) / total


def choose_sentences(scored: Sequence[ScoredSentence], settings: ExtractionSettings) -> tuple[ScoredSentence, ...]:
    """The best sentences that do not repeat each other, best first."""
    chosen: list[ScoredSentence] = []
    for sentence in sorted(scored, key=lambda one: (-one.score, one.candidate.passage_index, one.candidate.start)):
        if len(chosen) == settings.sentence_count:
            break
        if not any(_repeats(sentence, other, settings.most_overlap_ratio) for other in chosen):
            chosen.append(sentence)
    return tuple(chosen)


def _repeats(sentence: ScoredSentence, other: ScoredSentence, most: float) -> bool:
    mine, theirs = Counter(words(sentence.candidate.text)), Counter(words(other.candidate.text))
    return (mine & theirs).total() >= most * mine.total()


def in_document_order(chosen: Sequence[ScoredSentence], passages: Sequence[Passage]) -> tuple[ScoredSentence, ...]:
    """The chosen sentences as they stand in their documents; documents by their best passage."""
    first: dict[object, int] = {}
    for index, passage in enumerate(passages):
        first.setdefault(passage.doc_id, index)

    def place(sentence: ScoredSentence) -> tuple[int, int, int]:
        passage = passages[sentence.candidate.passage_index]
        return first[passage.doc_id], passage.start_char, sentence.candidate.start

    return tuple(sorted(chosen, key=place))

"""What of a result fits a context: hits best first, neighbours beside them, parts of one text put together."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from wellread.documents import Passage

_JOINED_GAP_CHARS = 8
"""Chunks that follow one another are parted by white space alone, in the cleaned text a blank line."""


@dataclass(frozen=True, slots=True)
class Run:
    """Passages of one document that follow one another, as one text."""

    document: str
    passages: tuple[Passage, ...]
    """In the order of the document."""

    @property
    def text(self) -> str:
        """The passages' texts; what is repeated from elsewhere (a table's header) stands once, at the head."""
        first, *others = self.passages
        return "\n".join([first.text, *(passage.text[passage.repeated_chars :] for passage in others)])


def within_words(passages: Sequence[Passage], budget_words: int) -> list[Run]:
    """The runs that fill a budget of words, in order of their best hit.

    Hits are taken best first, each followed by its neighbours; the first passage that does not fit ends it.
    Every chunk is taken once.
    """
    taken = merged(_first_words(_in_reading_order(passages), budget_words))
    return sorted(taken, key=lambda run: min(_standing(passage) for passage in run.passages))


def merged(passages: Iterable[Passage]) -> list[Run]:
    """Passages as runs: those of one document whose spans follow one another belong to one."""
    by_place = sorted(passages, key=lambda passage: (passage.doc_id, passage.start_char, passage.end_char))
    runs: list[Run] = []
    for _, group in groupby(by_place, key=lambda passage: passage.doc_id):
        current: list[Passage] = []
        for passage in group:
            if current and passage.start_char - current[-1].end_char > _JOINED_GAP_CHARS:
                runs.append(Run(current[0].document, tuple(current)))
                current = []
            current.append(passage)
        runs.append(Run(current[0].document, tuple(current)))
    return runs


def _standing(passage: Passage) -> int:
    return passage.rank if passage.neighbour_of is None else passage.neighbour_of


def _in_reading_order(passages: Sequence[Passage]) -> list[Passage]:
    """Hits by rank, each followed by its neighbours."""
    return sorted(
        passages, key=lambda passage: (_standing(passage), passage.neighbour_of is not None, passage.rank)
    )


def _first_words(passages: Iterable[Passage], budget_words: int) -> list[Passage]:
    chosen: dict[uuid.UUID, Passage] = {}
    spent = 0
    for passage in passages:
        if passage.chunk_key in chosen:
            continue
        spent += len(passage.text.split())
        if spent > budget_words:
            break
        chosen[passage.chunk_key] = passage
    return list(chosen.values())

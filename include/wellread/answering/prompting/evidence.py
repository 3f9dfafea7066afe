"""Passages as evidence in a prompt: chosen under a token budget, in document order, numbered and fenced."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from wellread.answering.checking.normalising import strip_invisible
from wellread.answering.prompting.fencing import ANY_MARK, fence_block, fence_texts, fenced_with
from wellread.answering.prompting.settings import PackingSettings
from wellread.documents import Passage
from wellread.sentences import split_sentences

LeftOutReason = Literal["budget", "duplicate", "below_threshold", "document_cap", "withdrawn"]


@dataclass(frozen=True, slots=True)
class PackedPassage:
    """A passage, or a run of its sentences, that is shown."""

    position: int
    """In the request, from 0."""
    start: int
    """Inclusive, over the passage's stored text."""
    end: int
    """Exclusive."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A passage that is not shown, with why."""

    position: int
    reason: LeftOutReason


@dataclass(frozen=True, slots=True)
class PackedEvidence:
    """What goes into a prompt, and what does not: every passage is in one of the two, once."""

    items: tuple[PackedPassage, ...]
    """In the order in which they are shown; the number that a model sees is the place here, from 1."""
    left_out: tuple[LeftOut, ...] = ()
    """In the order of the request."""
    tokens: int = 0
    """Of the fenced evidence, by the counter that packed it."""

    @property
    def positions(self) -> tuple[int, ...]:
        """Positions in the request, in the order shown: ``positions[number - 1]`` is passage ``number``."""
        return tuple(item.position for item in self.items)


def pack_evidence(
    passages: Sequence[Passage],
    *,
    budget_tokens: int,
    count_tokens: Callable[[str], int],
    settings: PackingSettings,
    withdrawn: Collection[int] = (),
) -> PackedEvidence:
    """Choose what is shown: best first, neighbours beside their hit, until one does not fit.

    ``fence_evidence`` of the result has at most ``budget_tokens`` by the given counter, fences and titles
    included. ``withdrawn`` are positions of passages that nobody may see any more. Documents are shown by their
    best passage, the passages of one in its own order.
    """
    best = max((passage.score for passage in passages), default=0.0)
    least_score = best * settings.least_score_ratio if best > 0 else float("-inf")
    packing = _Packing(passages, count_tokens, settings, least_score, budget_tokens)
    for position in _by_worth(passages):
        packing.offer(position, is_withdrawn=position in withdrawn)
    while packing.taken:
        items = packing.as_shown()
        tokens = count_tokens(fenced_with(_shown(passages, items), ANY_MARK))
        if tokens <= budget_tokens:
            break
        # A counter may find more in the whole than in its parts.
        packing.left_out[packing.taken.pop().position] = "budget"
    else:
        items, tokens = (), 0
    left_out = tuple(LeftOut(position, reason) for position, reason in sorted(packing.left_out.items()))
    return PackedEvidence(items, left_out, tokens)


def fence_evidence(passages: Sequence[Passage], packed: PackedEvidence, *, key: bytes) -> str:
    """The evidence as one text: each passage numbered from 1 between fences that no document can forge."""
    return fence_texts(_shown(passages, packed.items), key=key)


def as_documents(passages: Sequence[Passage], packed: PackedEvidence) -> tuple[tuple[str, str, str], ...]:
    """(id, title, text) for providers that take documents; the id is the number that a fence would show."""
    shown = _shown(passages, packed.items)
    return tuple((str(number), title, text) for number, (title, text) in enumerate(shown, start=1))


def _shown(passages: Sequence[Passage], items: Sequence[PackedPassage]) -> list[tuple[str, str]]:
    return [_shown_part(passages[item.position], item.start, item.end) for item in items]


def _shown_part(passage: Passage, start: int, end: int) -> tuple[str, str]:
    """(title, text) as a model sees them."""
    return " ".join(strip_invisible(passage.title).split()), strip_invisible(passage.text[start:end])


def _standing(passage: Passage) -> int:
    return passage.rank if passage.neighbour_of is None else passage.neighbour_of


def _by_worth(passages: Sequence[Passage]) -> list[int]:
    """Positions of the hits by rank, each followed by its neighbours."""

    def worth(position: int) -> tuple[int, bool, int, int]:
        passage = passages[position]
        return _standing(passage), passage.neighbour_of is not None, passage.rank, position

    return sorted(range(len(passages)), key=worth)


@dataclass(slots=True)
class _Packing:
    """What was decided so far."""

    passages: Sequence[Passage]
    count_tokens: Callable[[str], int]
    settings: PackingSettings
    least_score: float
    remaining_tokens: int
    taken: list[PackedPassage] = field(default_factory=list)
    """Best first."""
    left_out: dict[int, LeftOutReason] = field(default_factory=dict)
    is_full: bool = False
    texts: set[str] = field(default_factory=set)
    of_document: Counter[uuid.UUID] = field(default_factory=Counter)

    def offer(self, position: int, *, is_withdrawn: bool) -> None:
        """Take the passage at this position, whole or trimmed, or note why not."""
        reason = "withdrawn" if is_withdrawn else self._screened(self.passages[position])
        fitting = None if reason is not None or self.is_full else self._fitting(position)
        if fitting is None:
            self.left_out[position] = reason or "budget"
        else:
            self._take(fitting)
        is_whole = fitting is not None and fitting.end - fitting.start == len(self.passages[position].text)
        self.is_full |= reason is None and not is_whole and not self.settings.fill

    def _screened(self, passage: Passage) -> LeftOutReason | None:
        cap = self.settings.per_document_count
        if passage.score < self.least_score:
            return "below_threshold"
        if _compared(passage.text) in self.texts:
            return "duplicate"
        if cap is not None and self.of_document[passage.doc_id] >= cap:
            return "document_cap"
        return None

    def _take(self, item: PackedPassage) -> None:
        passage = self.passages[item.position]
        self.taken.append(item)
        self.texts.add(_compared(passage.text))
        self.of_document[passage.doc_id] += 1
        self.remaining_tokens -= self._cost(passage, item.start, item.end)

    def _fitting(self, position: int) -> PackedPassage | None:
        """As much of the passage as fits: all, else the most sentences, else ``None``."""
        passage = self.passages[position]
        if self._fits(passage, 0, len(passage.text)):
            return PackedPassage(position, 0, len(passage.text))
        cuts = self._cuts(passage) if self.settings.trim else []
        low, high = 0, len(cuts)
        while low < high:  # cuts[:low] fit, cuts[high:] do not
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._fits(passage, *cuts[middle]) else (low, middle)
        return PackedPassage(position, *cuts[low - 1]) if low else None

    def _cuts(self, passage: Passage) -> list[tuple[int, int]]:
        """Spans to which the passage may be trimmed, shortest first.

        They begin with the passage; a neighbour before its hit keeps the end that touches the hit instead. A
        table's repeated header alone says nothing.
        """
        sentences = split_sentences(passage.text)
        if self._precedes_its_hit(passage):
            return [(start, len(passage.text)) for start, _ in reversed(sentences) if start > 0]
        ends = [end for _, end in sentences if passage.repeated_chars < end < len(passage.text)]
        return [(0, end) for end in ends]

    def _precedes_its_hit(self, passage: Passage) -> bool:
        if passage.neighbour_of is None or passage.repeated_chars:
            return False
        hits = (other for other in self.passages if other.neighbour_of is None)
        return any(hit.rank == passage.neighbour_of and passage.start_char < hit.start_char for hit in hits)

    def _fits(self, passage: Passage, start: int, end: int) -> bool:
        return self._cost(passage, start, end) <= self.remaining_tokens

    def _cost(self, passage: Passage, start: int, end: int) -> int:
        title, text = _shown_part(passage, start, end)
        # No passage has a longer number than there are passages, and a blank line parts it from the next.
        return self.count_tokens(fence_block(len(self.passages), title, text, mark=ANY_MARK) + "\n\n")

    def as_shown(self) -> tuple[PackedPassage, ...]:
        """What was taken, in document order: documents by their best passage."""
        first: dict[uuid.UUID, int] = {}
        for place, item in enumerate(self.taken):
            first.setdefault(self.passages[item.position].doc_id, place)

        def place_of(item: PackedPassage) -> tuple[int, int, int]:
            passage = self.passages[item.position]
            return first[passage.doc_id], passage.start_char, item.position

        return tuple(sorted(self.taken, key=place_of))


def _compared(text: str) -> str:
    return " ".join(strip_invisible(text).split())

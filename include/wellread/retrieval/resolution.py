"""Which document does a question name?

*In the supply agreement between Ada Ltd and Bob Inc: may Bob assign it?* A search over titles, openings and
names of documents puts candidates in order. The question counts as naming the first (or the first few alike)
only if it leads the next by a margin and a stretch of the question is made of rare words of its title, opening
and name. That stretch is then cut out: it found the document, and inside the document its words stand
everywhere and say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from wellread.documents import VersionObject
from wellread.retrieval.results import ResolvedDocument
from wellread.retrieval.settings import RetrievalSettings
from wellread.retrieval.words import is_stop_word, words
from wellread.stores.protocol import VersionHit

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")
_FILLER_COST = 0.02
_LEAST_RESIDUAL_WORDS = 2
_ALIKE_RATIO = 0.8
"""Documents that share the first place must each hold this share of the mention's rare words."""

Rarity = Callable[[str], float]
"""How rare a word is, from 0 (in every chunk) to 1 (in none)."""


@dataclass(frozen=True, slots=True)
class Mention:
    """The part of a question that consists of a document's words."""

    start_char: int
    end_char: int
    rare_words: frozenset[str]

    def cut_from(self, question: str) -> str:
        """The question without the mention."""
        return f"{question[: self.start_char]} {question[self.end_char :]}".strip()


@dataclass(frozen=True, slots=True)
class Resolution:
    """Documents that a question names, and what it asks of them."""

    versions: tuple[VersionObject, ...]
    mention: str
    residual: str

    def described(self) -> ResolvedDocument:
        """The resolution as results show it."""
        return ResolvedDocument(
            documents=tuple(version.natural_key for version in self.versions),
            titles=tuple(version.title for version in self.versions),
            mention=self.mention,
            residual=self.residual,
        )


def name_words(version: VersionObject) -> frozenset[str]:
    """The words by which people may call a document: its title, opening and natural key."""
    key = _CAMEL.sub(" ", version.natural_key)
    return frozenset(words(f"{version.title} {version.opening} {key}"))


def leading(hits: Sequence[VersionHit], *, margin_ratio: float, documents_count: int) -> Sequence[VersionHit]:
    """The hits before the first gap of ``margin_ratio`` to the top; none if they are more than ``documents_count``.

    ``hits`` are best first and should be at least one more than ``documents_count``, where there are so many.
    """
    ahead = [hit for hit in hits if hit.score * margin_ratio > hits[0].score]
    return ahead if 0 < len(ahead) <= documents_count else []


def find_mention(question: str, names: Collection[str], rarity: Rarity, *, least_rarity: float) -> Mention | None:
    """The stretch of the question that is most about the document: the one with the largest sum.

    A word of the document counts ``rarity - least_rarity``, any other word ``-rarity``, a stop word almost nothing
    (maximum-sum segment, Kadane). ``None`` where no word counts for.
    """
    tokens = [(match.start(), match.end(), match.group().casefold()) for match in _WORD.finditer(question)]
    best_sum = running = 0.0
    best: tuple[int, int] | None = None
    first = 0
    for index, (_, _, word) in enumerate(tokens):
        if running <= 0:
            running, first = 0.0, index
        running += _worth(word, names, rarity, least_rarity)
        if running > best_sum:
            best_sum, best = running, (first, index)
    if best is None:
        return None
    inside = tokens[best[0] : best[1] + 1]
    rare = frozenset(word for _, _, word in inside if word in names and rarity(word) > least_rarity)
    return Mention(inside[0][0], inside[-1][1], rare)


def _worth(word: str, names: Collection[str], rarity: Rarity, least_rarity: float) -> float:
    if len(word) == 1 or is_stop_word(word):
        return -_FILLER_COST
    return rarity(word) - least_rarity if word in names else -rarity(word)


def _is_named(version: VersionObject, mention: Mention) -> bool:
    held = mention.rare_words & name_words(version)
    return len(held) >= _ALIKE_RATIO * len(mention.rare_words)


def resolve(
    question: str, hits: Sequence[VersionHit], rarity: Rarity, settings: RetrievalSettings
) -> Resolution | None:
    """The documents that the question names, or ``None`` where it names none for certain."""
    ahead = leading(
        hits,
        margin_ratio=settings.resolution_margin_ratio,
        documents_count=settings.resolution_documents_count,
    )
    if not ahead or len(ahead[0].version.placements) < settings.resolution_chunks_count:
        return None
    names = name_words(ahead[0].version)
    mention = find_mention(question, names, rarity, least_rarity=settings.resolution_rarity_ratio)
    if mention is None or len(mention.rare_words) < settings.resolution_words_count:
        return None
    if not all(_is_named(hit.version, mention) for hit in ahead):
        return None
    residual = mention.cut_from(question)
    if sum(len(word) > 1 and not is_stop_word(word) for word in words(residual)) < _LEAST_RESIDUAL_WORDS:
        return None
    named = question[mention.start_char : mention.end_char]
    return Resolution(tuple(hit.version for hit in ahead), named, residual)

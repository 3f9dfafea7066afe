"""Measures of retrieval and of answers: pure functions of texts, ranks and scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wellread.errors import SettingsError
from wellread.evaluation.gold import GoldQuestion
from wellread.retrieval.words import words

GOLD_SHARE_RATIO = 0.6
"""A text holds a gold passage when it holds this share of the passage's words."""

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Score:
    """What one question adds to a measure, which is the sum of all parts over the sum of all wholes.

    For most measures the whole is 1 and the measure is a mean. A whole of 0 adds nothing: a question that was not
    declined says nothing of the precision of declining.
    """

    part: float
    whole: float = 1.0

    @property
    def value(self) -> float | None:
        """Of this question alone; ``None`` where it adds nothing."""
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, or a ratio of sums, with its bootstrap interval of 95 %."""

    value: float
    low: float
    high: float
    count: int
    """Questions that were scored and add something."""
    unscored_count: int = 0
    """Questions that lack what the measure needs, or have no answer to score because of an error."""


def share_of_words(wanted: str, text: str) -> float:
    """The share of the words of ``wanted`` in ``text``, both as bags; letters and digits only, case folded.

    0.0 where ``wanted`` has no words.
    """
    needed = Counter(words(wanted))
    if not needed:
        return 0.0
    return (needed & Counter(words(text))).total() / needed.total()


def holds_passage(question: GoldQuestion, document: str, text: str) -> bool:
    """Whether a text of that document holds at least 60 % of the words of one gold passage of it."""
    return any(
        document == gold_document and share_of_words(passage, text) >= GOLD_SHARE_RATIO
        for gold_document, passage in question.passages
    )


def first_hit(question: GoldQuestion, ranked: Sequence[tuple[str, str]]) -> int | None:
    """The rank (from 1) of the first (document, text) that holds a gold passage; ``None`` if none does."""
    for rank, (document, text) in enumerate(ranked, start=1):
        if holds_passage(question, document, text):
            return rank
    return None


def holds_passage_anywhere(question: GoldQuestion, text: str) -> bool:
    """Whether a text, whatever document it is from, holds at least 60 % of the words of one gold passage."""
    return any(share_of_words(passage, text) >= GOLD_SHARE_RATIO for _, passage in question.passages)


def holds_answer(question: GoldQuestion, text: str) -> bool:
    """Whether a text holds one of the answers word for word; letters and digits only, case folded."""
    given = f" {' '.join(words(text))} "
    return any(f" {' '.join(words(answer))} " in given for answer in question.strings)


def unique_documents(ranked: Iterable[str]) -> list[str]:
    """Documents in the order of their best chunk, each once."""
    return list(dict.fromkeys(ranked))


def document_measures(
    relevant: Mapping[str, Collection[str]],
    ranked: Mapping[str, Sequence[str]],
    *,
    depth: int = 10,
    more: Sequence[str] = (),
) -> dict[str, dict[str, float]]:
    """nDCG, recall and reciprocal rank at ``depth`` by document, for each question: ``{measure: {id: value}}``.

    By ir-measures. ``ranked`` holds each question's documents, best first, each once; a question for which
    nothing was found counts as 0. ``more`` are other measures as ir-measures writes them, such as ``AP@10``, each
    under the name given. Raises ``SettingsError`` for one that ir-measures does not know.
    """
    import ir_measures

    by_measure: dict[str, Any] = {
        f"ndcg@{depth}": ir_measures.nDCG @ depth,
        f"recall@{depth}": ir_measures.R @ depth,
        f"mrr@{depth}": ir_measures.RR @ depth,
    }
    asked = {name: _parsed_measure(name) for name in more}
    by_measure |= {name: one for name, one in asked.items() if one not in by_measure.values()}
    names = {measure: name for name, measure in by_measure.items()}
    judged = {question: dict.fromkeys(documents, 1) for question, documents in relevant.items() if documents}
    run = {
        question: {document: float(-rank) for rank, document in enumerate(ranked.get(question, ()))}
        for question in judged
    }
    values = {name: dict.fromkeys(judged, 0.0) for name in names.values()}
    for found in ir_measures.iter_calc(list(names), judged, run):
        values[names[found.measure]][found.query_id] = float(found.value)
    return values


def _parsed_measure(name: str) -> Any:
    import ir_measures

    try:
        return ir_measures.parse_measure(name)
    except (ValueError, NameError, SyntaxError) as error:
        raise SettingsError(
            f"measure {name!r}",
            found=f"ir-measures does not know it ({error})",
            remedy="Write it as in its documentation, for example AP@10, P@5, R@20, Success@3.",
        ) from error


def auroc(scores: Sequence[float], positive: Sequence[bool]) -> float | None:
    """The chance that a positive case scores above a negative one, ties counted half (Mann-Whitney).

    ``None`` where one of the classes is empty.
    """
    values = np.asarray(scores, dtype=np.float64)
    marks = np.asarray(positive, dtype=bool)
    above, below = values[marks], values[~marks]
    if not above.size or not below.size:
        return None
    difference = above[:, None] - below[None, :]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def estimate(scores: Sequence[Score | None], *, seed: int = 0) -> Estimate | None:
    """The ratio of the sums of the scored with its interval: percentiles of 1,000 resamples of the questions.

    ``None`` where nothing was scored. Resamples without any whole are left out of the interval.
    """
    scored = [score for score in scores if score is not None]
    adding = [score for score in scored if score.part or score.whole]
    pairs = np.asarray([(score.part, score.whole) for score in adding], dtype=np.float64).reshape(-1, 2)
    if not pairs[:, 1].any():
        return None
    picks = np.random.default_rng(seed).integers(0, len(pairs), size=(RESAMPLES, len(pairs)))
    parts, wholes = (pairs[:, column][picks].sum(axis=1) for column in (0, 1))
    low, high = np.percentile(parts[wholes > 0] / wholes[wholes > 0], [2.5, 97.5])
    part, whole = pairs.sum(axis=0)
    return Estimate(float(part / whole), float(low), float(high), len(adding), len(scores) - len(scored))


def estimate_auroc(scores: Sequence[float], positive: Sequence[bool], *, seed: int = 0) -> Estimate | None:
    """:func:`auroc` with its interval over resamples of the questions; ``None`` where a class is empty."""
    value = auroc(scores, positive)
    if value is None:
        return None
    numbers, marks = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
    picks = np.random.default_rng(seed).integers(0, numbers.size, size=(RESAMPLES, numbers.size))
    resampled = [auroc(numbers[pick].tolist(), marks[pick].tolist()) for pick in picks]
    low, high = np.percentile([again for again in resampled if again is not None], [2.5, 97.5])
    return Estimate(value, float(low), float(high), int(numbers.size))

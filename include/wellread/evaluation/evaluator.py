"""Ask golden questions, score what comes back, and sum up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from wellread.evaluation.gold import GoldQuestion
from wellread.evaluation.measures import (
    Estimate,
    document_measures,
    estimate,
    estimate_auroc,
    first_hit,
    holds_answer,
    holds_passage,
    holds_passage_anywhere,
    unique_documents,
)
from wellread.evaluation.rows import EvaluatedQuestion, GivenAnswer
from wellread.evaluation.settings import EvaluationSettings
from wellread.retrieval.packing import Run, within_words
from wellread.retrieval.results import RetrievalResult, SearchMode
from wellread.retrieval.retriever import Retriever
from wellread.snapshots import Snapshot
from wellread.stores.protocol import Scope

Answerer = Callable[[str, RetrievalResult], GivenAnswer]
"""Answers a question from what was retrieved, without abstaining: abstention is measured by its confidence."""

RANKS = (1, 5, 10)
IN_CONTEXT = "passage_in_context"
PASSAGE_IN_ANSWER = "passage_in_answer"
STRING_IN_ANSWER = "string_in_answer"
GOLD_IN_ANSWER = "gold_in_answer"
ANSWERABILITY = "answerability_auroc"


@dataclass(frozen=True, slots=True)
class Report:
    """The measures over all questions, and each question by itself."""

    measures: Mapping[str, Estimate]
    """Mean and interval by measure; a measure that nothing could be scored by is missing."""
    questions: tuple[EvaluatedQuestion, ...]


def evaluate(
    questions: Sequence[GoldQuestion],
    retriever: Retriever,
    *,
    collection: str,
    scope: Scope,
    answerer: Answerer | None = None,
    mode: SearchMode = "hybrid",
    snapshot: Snapshot | None = None,
    settings: EvaluationSettings | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Retrieve and answer every question under one snapshot and score it.

    Measures: ``hit@1/5/10`` (a hit holds a gold passage), ``passage_in_context`` (a run of the first
    ``context_words`` words does), ``ndcg@10``, ``recall@10``, ``mrr@10`` by document, and with an answerer
    ``passage_in_answer``, ``string_in_answer``, ``gold_in_answer`` (either) and ``answerability_auroc``.
    Questions that are marked as not answerable are asked for the last one only. ``progress`` is called with the
    number of questions done. Raises what the retriever and the answerer raise.
    """
    chosen = settings if settings is not None else EvaluationSettings()
    pinned = snapshot if snapshot is not None else retriever.head(collection).snapshot
    evaluated: list[EvaluatedQuestion] = []
    for start in range(0, len(questions), chosen.batch_count):
        part = questions[start : start + chosen.batch_count]
        results = retriever.retrieve_many(
            [question.question for question in part],
            collection=collection,
            scope=scope,
            k=chosen.passages_count,
            snapshot=pinned,
            mode=mode,
            context_words=chosen.context_words,
        )
        pairs = zip(part, results, strict=True)
        evaluated += [_evaluated(question, result, answerer, chosen.context_words) for question, result in pairs]
        if progress is not None:
            progress(len(evaluated))
    scored = tuple(_with_documents(evaluated))
    return Report(_summed(scored, chosen.bootstrap_seed), scored)


def _evaluated(
    question: GoldQuestion, result: RetrievalResult, answerer: Answerer | None, context_words: int
) -> EvaluatedQuestion:
    context = tuple(within_words(result.passages, context_words))
    answer = answerer(question.question, result) if answerer is not None else None
    scores = _passage_scores(question, result, context) | _answer_scores(question, answer)
    return EvaluatedQuestion(question, result, context, answer, scores)


def _passage_scores(
    question: GoldQuestion, result: RetrievalResult, context: Sequence[Run]
) -> dict[str, float | None]:
    names = [f"hit@{rank}" for rank in RANKS]
    if question.answerable is False or not question.passages:
        return dict.fromkeys([*names, IN_CONTEXT])
    best = first_hit(question, [(passage.document, passage.text) for passage in result.hits[: max(RANKS)]])
    scores: dict[str, float | None] = {f"hit@{rank}": float(best is not None and best <= rank) for rank in RANKS}
    scores[IN_CONTEXT] = float(any(holds_passage(question, run.document, run.text) for run in context))
    return scores


def _answer_scores(question: GoldQuestion, answer: GivenAnswer | None) -> dict[str, float | None]:
    names = (PASSAGE_IN_ANSWER, STRING_IN_ANSWER, GOLD_IN_ANSWER)
    if answer is None or question.answerable is False:
        return dict.fromkeys(names)
    text = answer.text or ""
    passage = float(holds_passage_anywhere(question, text)) if question.passages else None
    string = float(holds_answer(question, text)) if question.strings else None
    known = [score for score in (passage, string) if score is not None]
    return dict(zip(names, (passage, string, max(known, default=None)), strict=True))


def _with_documents(evaluated: Sequence[EvaluatedQuestion]) -> Iterator[EvaluatedQuestion]:
    """The measures by document, which ir-measures computes for all questions at once."""
    asked = [one for one in evaluated if one.gold.answerable is not False]
    relevant = {one.gold.id: one.gold.documents for one in asked}
    ranked = {one.gold.id: unique_documents(passage.document for passage in one.result.hits) for one in asked}
    by_measure = document_measures(relevant, ranked)
    for one in evaluated:
        scores = {name: values.get(one.gold.id) for name, values in by_measure.items()}
        yield replace(one, scores=dict(one.scores) | scores)


def _summed(evaluated: Sequence[EvaluatedQuestion], seed: int) -> dict[str, Estimate]:
    names = list(dict.fromkeys(name for one in evaluated for name in one.scores))
    found = {name: estimate([one.scores.get(name) for one in evaluated], seed=seed) for name in names}
    found[ANSWERABILITY] = _answerability(evaluated, seed)
    return {name: value for name, value in found.items() if value is not None}


def _answerability(evaluated: Sequence[EvaluatedQuestion], seed: int) -> Estimate | None:
    judged = [
        (one.answer.confidence, one.gold.answerable)
        for one in evaluated
        if one.answer is not None and one.answer.confidence is not None and one.gold.answerable is not None
    ]
    found = estimate_auroc([score for score, _ in judged], [mark for _, mark in judged], seed=seed)
    return None if found is None else replace(found, unscored_count=len(evaluated) - len(judged))

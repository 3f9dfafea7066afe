"""Ask golden questions, score what comes back, and sum up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from wellread.evaluation.answer_measures import answer_scores
from wellread.evaluation.gold import GoldQuestion
from wellread.evaluation.measures import (
    Estimate,
    Score,
    document_measures,
    estimate,
    estimate_auroc,
    first_hit,
    holds_passage,
    unique_documents,
)
from wellread.evaluation.rows import EvaluatedQuestion, GivenAnswer
from wellread.evaluation.settings import EvaluationSettings
from wellread.retrieval.packing import within_words
from wellread.retrieval.results import RetrievalResult, SearchMode
from wellread.retrieval.retriever import Retriever
from wellread.snapshots import Snapshot
from wellread.stores.protocol import Scope

Answerer = Callable[[GoldQuestion, RetrievalResult], GivenAnswer]
"""What became of a question, whose passages were retrieved."""
Judge = Callable[[Sequence[tuple[GoldQuestion, GivenAnswer]]], Mapping[str, float]]
"""Scores from 0 to 1 by question id, as far as they could be had."""

RANKS = (1, 5, 10)
IN_CONTEXT = "passage_in_context"
ANSWERABILITY = "answerability_auroc"


@dataclass(frozen=True, slots=True)
class Report:
    """The measures over all questions, and each question by itself."""

    measures: Mapping[str, Estimate]
    """Value and interval by measure; a measure that nothing could be scored by is missing."""
    questions: tuple[EvaluatedQuestion, ...]
    snapshot: Snapshot


def evaluate(
    questions: Sequence[GoldQuestion],
    retriever: Retriever,
    *,
    collection: str,
    scope: Scope,
    answerer: Answerer | None = None,
    judge: Judge | None = None,
    mode: SearchMode = "hybrid",
    snapshot: Snapshot | None = None,
    settings: EvaluationSettings | None = None,
    progress: Callable[[int], None] = lambda _count: None,
) -> Report:
    """Retrieve and answer every question under one snapshot and score it.

    Measures: ``hit@1/5/10`` (a hit holds a gold passage), ``passage_in_context`` (a run of the first
    ``context_words`` words does), ``ndcg@10``, ``recall@10``, ``mrr@10`` by document and the settings' own, and
    with an answerer those of ``answer_measures`` and ``answerability_auroc``. Questions marked as not answerable
    count for abstention and citations only. ``progress`` is called with the number of questions done.
    """
    chosen = settings if settings is not None else EvaluationSettings()
    pinned = snapshot if snapshot is not None else retriever.head(collection).snapshot
    asked: list[EvaluatedQuestion] = []
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
        asked += [_asked(question, result, answerer, chosen.context_words) for question, result in pairs]
        progress(len(asked))
    judged = asked if judge is None else _judged(asked, judge)
    scored = tuple(_with_documents([_scored(one) for one in judged], chosen.document_measures))
    return Report(_summed(scored, chosen.bootstrap_seed), scored, pinned)


def _asked(
    question: GoldQuestion, result: RetrievalResult, answerer: Answerer | None, context_words: int
) -> EvaluatedQuestion:
    context = tuple(within_words(result.passages, context_words))
    return EvaluatedQuestion(
        question, result, context, None if answerer is None else answerer(question, result), {}
    )


def _judged(asked: Sequence[EvaluatedQuestion], judge: Judge) -> list[EvaluatedQuestion]:
    scores = judge([(one.gold, one.answer) for one in asked if one.answer is not None])

    def judged(one: EvaluatedQuestion) -> EvaluatedQuestion:
        if one.answer is None:
            return one
        return replace(one, answer=replace(one.answer, judge_score=scores.get(one.gold.id)))

    return [judged(one) for one in asked]


def _scored(one: EvaluatedQuestion) -> EvaluatedQuestion:
    return replace(one, scores=_passage_scores(one) | answer_scores(one.gold, one.answer))


def _passage_scores(one: EvaluatedQuestion) -> dict[str, Score | None]:
    question = one.gold
    names = [f"hit@{rank}" for rank in RANKS]
    if question.answerable is False or not question.passages:
        return dict.fromkeys([*names, IN_CONTEXT])
    best = first_hit(question, [(passage.document, passage.text) for passage in one.result.hits[: max(RANKS)]])
    scores: dict[str, Score | None] = {
        f"hit@{rank}": Score(float(best is not None and best <= rank)) for rank in RANKS
    }
    in_context = any(holds_passage(question, run.document, run.text) for run in one.context)
    return scores | {IN_CONTEXT: Score(float(in_context))}


def _with_documents(evaluated: Sequence[EvaluatedQuestion], more: Sequence[str]) -> Iterator[EvaluatedQuestion]:
    """The measures by document, which ir-measures computes for all questions at once."""
    asked = [one for one in evaluated if one.gold.answerable is not False]
    relevant = {one.gold.id: one.gold.documents for one in asked}
    ranked = {one.gold.id: unique_documents(passage.document for passage in one.result.hits) for one in asked}
    by_measure = document_measures(relevant, ranked, more=more)
    for one in evaluated:
        found = {name: values.get(one.gold.id) for name, values in by_measure.items()}
        scores = {name: None if value is None else Score(value) for name, value in found.items()}
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

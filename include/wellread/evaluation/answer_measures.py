"""Measures of one answer: its words, its citations, and whether it should have been given. Pure functions."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence

from wellread.evaluation.gold import GoldQuestion
from wellread.evaluation.measures import (
    GOLD_SHARE_RATIO,
    Score,
    holds_answer,
    holds_passage_anywhere,
    share_of_words,
)
from wellread.evaluation.rows import CitedText, GivenAnswer

PASSAGE_IN_ANSWER = "passage_in_answer"
STRING_IN_ANSWER = "string_in_answer"
GOLD_IN_ANSWER = "gold_in_answer"
EXACT_MATCH = "exact_match"
WORDS_F1 = "token_f1"
CITATION_PRECISION = "citation_precision"
CITATION_RECALL = "citation_recall"
ABSTENTION_PRECISION = "abstention_precision"
ABSTENTION_RECALL = "abstention_recall"
ABSTENTION_F1 = "abstention_f1"
WRONGLY_DECLINED = "wrongly_declined"
JUDGE_SCORE = "judge_score"
COST_PER_ANSWER = "cost_usd_per_answer"

ANSWER_MEASURES = (
    PASSAGE_IN_ANSWER,
    STRING_IN_ANSWER,
    GOLD_IN_ANSWER,
    EXACT_MATCH,
    WORDS_F1,
    CITATION_PRECISION,
    CITATION_RECALL,
    ABSTENTION_PRECISION,
    ABSTENTION_RECALL,
    ABSTENTION_F1,
    WRONGLY_DECLINED,
    JUDGE_SCORE,
    COST_PER_ANSWER,
)
LOWER_IS_BETTER = frozenset({WRONGLY_DECLINED, COST_PER_ANSWER})

Scores = dict[str, Score | None]
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def answer_scores(question: GoldQuestion, answer: GivenAnswer | None) -> Scores:
    """Every measure of an answer; ``None`` where the question, or what became of it, lacks what one needs.

    A question that ended in an error is not scored, but for what it cost: it is no wrong answer.
    """
    nothing: Scores = dict.fromkeys(ANSWER_MEASURES)
    if answer is None:
        return nothing
    cost = {} if answer.cost_usd is None else {COST_PER_ANSWER: Score(answer.cost_usd, float(answer.is_given))}
    if answer.has_failed:
        return nothing | cost
    found: Scores = {
        **_gold_scores(question, answer.text or ""),
        **_word_scores(question, answer.text or ""),
        **citation_scores(question, answer.citations if answer.is_given else ()),
        **abstention_scores(question, is_declined=not answer.is_given),
        JUDGE_SCORE: None if answer.judge_score is None else Score(answer.judge_score),
    }
    return nothing | found | cost


def _gold_scores(question: GoldQuestion, text: str) -> Scores:
    if question.answerable is False:
        return {}
    passage = Score(float(holds_passage_anywhere(question, text))) if question.passages else None
    string_ = Score(float(holds_answer(question, text))) if question.strings else None
    known = [score for score in (passage, string_) if score is not None]
    best = max(known, key=lambda score: score.part, default=None)
    return {PASSAGE_IN_ANSWER: passage, STRING_IN_ANSWER: string_, GOLD_IN_ANSWER: best}


def _word_scores(question: GoldQuestion, text: str) -> Scores:
    if question.answerable is False or not any(map(normalised_tokens, question.answers)):
        return {}
    return {
        EXACT_MATCH: Score(float(exact_match(text, question.answers))),
        WORDS_F1: Score(token_f1(text, question.answers)),
    }


# -- words ---------------------------------------------------------------------------------------------------
def normalised_tokens(text: str) -> list[str]:
    """The tokens of an answer as SQuAD compares them: lower case, no ASCII punctuation, no articles.

    The normalisation of the official evaluation script (Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine
    Comprehension of Text", 2016). Articles are English, and tokens are parted by white space: scripts that put
    none between words have a whole sentence for one token.
    """
    bare = text.lower().translate(_PUNCTUATION)
    return _ARTICLES.sub(" ", bare).split()


def exact_match(text: str, answers: Sequence[str]) -> bool:
    """Whether a text is one of the answers, token for token. Answers without tokens match nothing."""
    given = normalised_tokens(text)
    return bool(given) and any(given == normalised_tokens(answer) for answer in answers)


def token_f1(text: str, answers: Sequence[str]) -> float:
    """The harmonic mean of precision and recall of a text's tokens, against the answer that fits it best.

    0.0 where no answer has tokens.
    """
    given = Counter(normalised_tokens(text))
    return max((_f1(given, Counter(normalised_tokens(answer))) for answer in answers), default=0.0)


def _f1(given: Counter[str], wanted: Counter[str]) -> float:
    total = given.total() + wanted.total()
    return 2 * (given & wanted).total() / total if total else 0.0


# -- citations -----------------------------------------------------------------------------------------------
def cites_gold(question: GoldQuestion, citation: CitedText) -> bool:
    """Whether a citation stands in a gold passage's document and shares its words.

    It holds at least 60 % of the passage's words, or at least 60 % of its own words are the passage's (as bags).
    A quote that was not found in its document never does.
    """
    return citation.is_located and any(
        citation.document == document
        and max(share_of_words(passage, citation.quote), share_of_words(citation.quote, passage))
        >= GOLD_SHARE_RATIO
        for document, passage in question.passages
    )


def citation_scores(question: GoldQuestion, citations: Iterable[CitedText]) -> Scores:
    """Precision (share of right citations, over all of them) and recall (questions with a right one).

    Where nothing answers the question every citation is wrong. Not scored without gold passages.
    """
    marks = [cites_gold(question, citation) for citation in citations]
    if question.answerable is False:
        return {CITATION_PRECISION: Score(0.0, float(len(marks)))}
    if not question.passages:
        return {}
    return {
        CITATION_PRECISION: Score(float(sum(marks)), float(len(marks))),
        CITATION_RECALL: Score(float(any(marks))),
    }


# -- abstention ----------------------------------------------------------------------------------------------
def abstention_scores(question: GoldQuestion, *, is_declined: bool) -> Scores:
    """Precision, recall and F1 of declining, and the share of answerable questions that were declined.

    F1 is ``2 tp / (2 tp + fp + fn)`` over all questions, which is why its parts are summed.
    """
    if question.answerable is None:
        return {}
    declined, right = float(is_declined), float(is_declined and not question.answerable)
    unanswerable = float(not question.answerable)
    return {
        ABSTENTION_PRECISION: Score(right, declined),
        ABSTENTION_RECALL: Score(right, unanswerable),
        ABSTENTION_F1: Score(2 * right, declined + unanswerable),
        WRONGLY_DECLINED: Score(declined - right, 1.0 - unanswerable),
    }

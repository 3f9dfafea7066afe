"""One row a question: everything that anyone needs to score it again, and the scores."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from wellread.evaluation.gold import GoldQuestion, as_row
from wellread.evaluation.measures import Score
from wellread.questions import AnswerStatus
from wellread.retrieval.packing import Run
from wellread.retrieval.results import RetrievalResult


@dataclass(frozen=True, slots=True)
class CitedText:
    """A quote that an answer gives, and where it says that it stands."""

    document: str
    """The natural key."""
    quote: str
    is_located: bool = True
    """Whether the quote was found there."""


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """What an answerer made of one question."""

    text: str | None
    """``None``: there is no answer. The extractive answerer has one where it declines, too: what it would have
    said without its threshold."""
    confidence: float | None = None
    """How sure the answerer is that the question can be answered; a larger value for more sure."""
    status: AnswerStatus = "answered"
    citations: tuple[CitedText, ...] = ()
    cost_usd: float | None = None
    """What its responses cost, whoever paid for them and when; ``None`` where no price is known."""
    judge_score: float | None = None
    """From 0 to 1; ``None`` where no judge was asked, or none gave a score that makes sense."""

    @property
    def is_given(self) -> bool:
        """Whether a reader sees an answer."""
        return self.status in {"answered", "flagged"}

    @property
    def has_failed(self) -> bool:
        """Whether an error, or an empty budget, kept it from being answered or declined."""
        return self.status in {"invalid", "error", "budget"}


@dataclass(frozen=True, slots=True)
class EvaluatedQuestion:
    """A question with what was retrieved and answered, and its scores."""

    gold: GoldQuestion
    result: RetrievalResult
    context: tuple[Run, ...]
    """The first words of the result, as runs."""
    answer: GivenAnswer | None
    scores: Mapping[str, Score | None]
    """By measure; ``None`` where it cannot be scored: the question lacks what the measure needs, or failed."""


def row_of(evaluated: EvaluatedQuestion) -> dict[str, object]:
    """The row as JSON: the gold row, ranked passages, context, answer and scores."""
    result, answer = evaluated.result, evaluated.answer
    resolved = result.resolved_document
    return as_row(evaluated.gold) | {
        "snapshot": result.snapshot.as_text(),
        "resolved": list(resolved.documents) if resolved else [],
        "passages": [
            {
                "rank": passage.rank,
                "score": round(passage.score, 6),
                "document": passage.document,
                "page": passage.page,
                "start_char": passage.start_char,
                "end_char": passage.end_char,
                "text": passage.text,
            }
            for passage in result.hits
        ],
        "context": [{"document": run.document, "text": run.text} for run in evaluated.context],
        "answer": answer.text if answer else None,
        "answer_status": answer.status if answer else None,
        "citations": [asdict(citation) for citation in answer.citations] if answer else [],
        "confidence": answer.confidence if answer else None,
        "cost_usd": answer.cost_usd if answer else None,
        "scores": {name: None if score is None else score.value for name, score in evaluated.scores.items()},
    }


def write_rows(path: Path, evaluated: Iterable[EvaluatedQuestion]) -> None:
    """Write one JSON object a line."""
    with path.open("w", encoding="utf-8") as lines:
        for one in evaluated:
            lines.write(json.dumps(row_of(one), ensure_ascii=False) + "\n")

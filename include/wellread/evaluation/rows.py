"""One row a question: everything that anyone needs to score it again, and the scores."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wellread.evaluation.gold import GoldQuestion, as_row
from wellread.retrieval.packing import Run
from wellread.retrieval.results import RetrievalResult


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """What an answerer made of one question."""

    text: str | None
    """``None``: no answer was given."""
    confidence: float | None = None
    """How sure the answerer is that the question can be answered; a larger value for more sure."""
    status: str = "answered"


@dataclass(frozen=True, slots=True)
class EvaluatedQuestion:
    """A question with what was retrieved and answered, and its scores."""

    gold: GoldQuestion
    result: RetrievalResult
    context: tuple[Run, ...]
    """The first words of the result, as runs."""
    answer: GivenAnswer | None
    scores: Mapping[str, float | None]
    """By measure; ``None`` where the row lacks what the measure needs."""


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
        "confidence": answer.confidence if answer else None,
        "scores": dict(evaluated.scores),
    }


def write_rows(path: Path, evaluated: Iterable[EvaluatedQuestion]) -> None:
    """Write one JSON object a line."""
    with path.open("w", encoding="utf-8") as lines:
        for one in evaluated:
            lines.write(json.dumps(row_of(one), ensure_ascii=False) + "\n")

"""Passages alone, for tasks that do the rest themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from wellread_airflow.files import written_file
from wellread_airflow.form_values import count_or_none, is_set, moment_or_none, number_or_none, one_of
from wellread_airflow.operators.inputs import filter_of, questions_of
from wellread_airflow.operators.workspace_operator import ModelOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.questions import Question
    from wellread.retrieval.options import RetrievalOptions
    from wellread.retrieval.results import RetrievalResult, SearchMode
    from wellread.workspace import Workspace

SEARCH_MODES = ("hybrid", "vector", "keyword")


class RetrievePassagesOperator(ModelOperator):
    """Find the best passages for questions and write them to a file, for a task of your own to work on.

    Args:
        questions: Path or URI of a file of questions as for ``AnswerQuestionsOperator``, or a short list.
        passages: Path or URI of the JSONL file to write: one object a question, with its passages.
        k: How many passages for each question.
        mode: ``hybrid``, ``vector`` or ``keyword``.
        filter: A filter as JSON (a mapping, or its text): ``{"field": "year", "at_least": 2024}``. It can only
            narrow what the deployment allows.
        least_score: Passages below it are left out.
        fresh_since: Each source must have had a complete run that began then (ISO) or later; else the task is tried
            again.
        least_revision: The snapshot must hold this revision; else the task is tried again.
        rerank: Whether the deployment's reranker, if it has one, is asked.
        rest: As for ``ModelOperator``.

    Returns the address of the passages, their count and the snapshot that all questions saw.
    """

    template_fields: Sequence[str] = (
        "questions",
        "passages",
        "collection",
        "mode",
        "filter",
        "least_score",
        "fresh_since",
        "least_revision",
    )

    def __init__(
        self,
        *,
        questions: str | list[Any],
        passages: str,
        k: int = 10,
        mode: str = "hybrid",
        filter: dict[str, Any] | str | None = None,  # noqa: A002 - the field's own word
        least_score: float | str | None = None,
        fresh_since: datetime | str | None = None,
        least_revision: int | str | None = None,
        rerank: bool = True,
        **rest: Any,
    ) -> None:
        rest.setdefault("multiple_outputs", True)
        super().__init__(**rest)
        self.questions: Any = questions
        self.passages = passages
        self.k = k
        self.mode = mode
        self.filter = filter
        self.least_score = least_score
        self.fresh_since = fresh_since
        self.least_revision = least_revision
        self.rerank = rerank

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Retrieve under one snapshot."""
        with written_file(self.passages, formats=(".jsonl", ".ndjson")) as path:
            asked = self.asked(context)
            results = workspace.retriever.retrieve_many(
                [question.text for question in asked],
                collection=workspace.settings.collection,
                scope=workspace.scope(),
                **self._options(),
            )
            with path.open("w", encoding="utf-8") as file:
                for question, result in zip(asked, results, strict=True):
                    file.write(json.dumps(_row(question, result), ensure_ascii=False) + "\n")
        return {
            "passages": self.passages,
            "questions": len(asked),
            "found": sum(len(result.hits) for result in results),
            "left_out": sum(result.left_out_count for result in results),
            "snapshot": results[0].snapshot.as_text() if results else None,
        }

    def asked(self, context: Context) -> list[Question]:
        """The questions. Raises ``QuestionsFileError``."""
        del context
        return questions_of(self.questions)

    def _options(self) -> RetrievalOptions:
        return {
            "k": self.k,
            "mode": cast("SearchMode", one_of(self.mode, SEARCH_MODES, "mode") or "hybrid"),
            "filter": filter_of(self.filter),
            "least_score": number_or_none(self.least_score, "least_score"),
            "fresh_since": moment_or_none(self.fresh_since, "fresh_since"),
            "least_revision": count_or_none(self.least_revision, "least_revision"),
            "rerank": is_set(self.rerank, "rerank"),
        }


def _row(question: Question, result: RetrievalResult) -> dict[str, Any]:
    from wellread.answering.files.answer_rows import passage_as_dict

    return {
        "id": question.id,
        "question": question.text,
        "snapshot": result.snapshot.as_text(),
        "passages": [passage_as_dict(passage) for passage in result.passages],
    }

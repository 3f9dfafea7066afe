"""Golden questions: JSONL rows whose answers are known, read strictly.

A row: ``{"id", "question", "relevant": [{"document", "passage"}], "answers": [...], "answerable": true}``.
``relevant``, ``answers`` and ``answerable`` may be missing, and so may a ``passage``; a measure that needs
what a row lacks leaves the row out and says how many it left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wellread.errors import QuestionsFileError
from wellread.retrieval.words import words

Half = Literal["dev", "test"]


@dataclass(frozen=True, slots=True)
class GoldPassage:
    """Where an answer stands."""

    document: str
    """The natural key."""
    passage: str | None = None
    """The words of it; ``None`` where only the document is known."""


@dataclass(frozen=True, slots=True)
class GoldQuestion:
    """A question with what is known of its answer."""

    id: str
    question: str
    relevant: tuple[GoldPassage, ...] = ()
    answers: tuple[str, ...] = ()
    answerable: bool | None = None
    """``None``: nobody said."""

    @property
    def passages(self) -> tuple[tuple[str, str], ...]:
        """(document, passage) of those passages whose words are known."""
        return tuple((found.document, found.passage) for found in self.relevant if found.passage)

    @property
    def strings(self) -> tuple[str, ...]:
        """The answers that can be looked for in a text: not those without words, and not a bare yes or no."""
        return tuple(answer for answer in self.answers if words(answer) and words(answer) not in (["yes"], ["no"]))

    @property
    def documents(self) -> frozenset[str]:
        """The documents that hold an answer."""
        return frozenset(found.document for found in self.relevant)


class _Passage(BaseModel):
    model_config = ConfigDict(extra="ignore")
    document: str = Field(min_length=1)
    passage: str | None = None


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    id: str = Field(min_length=1)
    question: str = Field(min_length=1, pattern=r"\S")
    relevant: list[_Passage] = []
    answers: list[str] = []
    answerable: bool | None = None


def half_of(question_id: str) -> Half:
    """``test`` where the SHA-256 of the id begins with an odd byte, else ``dev``: fixed for ever, for everybody."""
    return "test" if hashlib.sha256(question_id.encode()).digest()[0] % 2 else "dev"


def read_gold(path: Path) -> list[GoldQuestion]:
    """All rows of a JSONL file in order. Empty lines are passed over.

    Raises ``QuestionsFileError``, which names file and line, for a missing file, a broken or incomplete row, a
    repeated id, or a file without rows.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise QuestionsFileError(
            f"reading golden questions from {path}",
            found=error.strerror or str(error),
            remedy="Give the path of a readable JSONL file.",
        ) from error
    questions = [_question(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    _check_ids(path, questions)
    return [question for _, question in questions]


def write_gold(path: Path, questions: Iterable[GoldQuestion]) -> None:
    """Write rows that :func:`read_gold` reads."""
    lines = [json.dumps(as_row(question), ensure_ascii=False) for question in questions]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def as_row(question: GoldQuestion) -> dict[str, object]:
    """The question as one JSON row; what is unknown is left out."""
    row: dict[str, object] = {
        "id": question.id,
        "question": question.question,
        "relevant": [
            {"document": found.document} | ({"passage": found.passage} if found.passage else {})
            for found in question.relevant
        ],
        "answers": list(question.answers),
    }
    return row if question.answerable is None else row | {"answerable": question.answerable}


def _question(path: Path, number: int, line: bytes) -> tuple[int, GoldQuestion]:
    try:
        row = _Row.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the row"
        raise QuestionsFileError(
            f"reading golden questions from {path}, line {number}",
            found=f"{where}: {first['msg']}",
            remedy='Each line is an object with "id" and "question", and optionally "relevant", "answers", '
            '"answerable".',
        ) from error
    relevant = tuple(GoldPassage(found.document, found.passage) for found in row.relevant)
    return number, GoldQuestion(row.id, row.question, relevant, tuple(row.answers), row.answerable)


def _check_ids(path: Path, questions: Sequence[tuple[int, GoldQuestion]]) -> None:
    if not questions:
        raise QuestionsFileError(
            f"reading golden questions from {path}", found="no rows", remedy="Write one JSON object a line."
        )
    first_line: dict[str, int] = {}
    for number, question in questions:
        if question.id in first_line:
            raise QuestionsFileError(
                f"reading golden questions from {path}, line {number}",
                found=f"the id {question.id!r} stands on line {first_line[question.id]} already",
                remedy="Give each question an id of its own.",
            )
        first_line[question.id] = number

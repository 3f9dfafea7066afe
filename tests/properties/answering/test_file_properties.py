"""Whatever the questions say: they come out of a file as they went in, and answers keep their rows."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from wellread.answering.files.answer_files import write_answers
from wellread.answering.files.question_files import read_questions
from wellread.questions import AnswerRow, Question, Usage

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
NAMES = st.sampled_from(["team", "Zürich", "answer", "status", "due date"])


@st.composite
def question_lists(draw: st.DrawFn) -> list[Question]:
    names = draw(st.lists(NAMES, unique=True, max_size=3))
    count = draw(st.integers(1, 5))
    return [
        Question(f"q{number}", draw(TEXTS).strip(), {name: draw(TEXTS) for name in names})
        for number in range(count)
    ]


def answered(question: Question, answer: str) -> AnswerRow:
    return AnswerRow(
        question.id,
        question.text,
        "answered",
        None,
        answer,
        (),
        (),
        "extractive",
        Usage(),
        0.0,
        "1",
        "key",
        columns=question.columns,
    )


@given(question_lists(), TEXTS, st.sampled_from([".jsonl", ".csv", ".tsv"]))
def test_answers_are_a_file_of_the_same_questions(questions: list[Question], answer: str, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"answers{suffix}"
        write_answers([answered(question, answer) for question in questions], path)
        again = read_questions(path)
    assert [(one.id, one.text) for one in again] == [(one.id, one.text) for one in questions]
    for before, after in zip(questions, again, strict=True):
        assert before.columns.items() <= after.columns.items()


@given(question_lists())
def test_json_lines_hold_one_object_each(questions: list[Question]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.jsonl"
        write_answers([answered(question, question.text) for question in questions], path)
        rows = [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]
    assert [row["id"] for row in rows] == [question.id for question in questions]

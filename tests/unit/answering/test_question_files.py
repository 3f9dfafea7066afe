"""Files of questions come in whole or not at all, and answers go out as the same rows."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from wellread.answering.files.answer_files import write_answers
from wellread.answering.files.answer_rows import answer_row_as_dict, answer_row_from_dict
from wellread.answering.files.question_files import read_questions
from wellread.errors import QuestionsFileError, SettingsError
from wellread.questions import AnswerRow, Citation, Claim, Question, Usage

WANTED = [
    Question("a", "What is it?", {"team": "one"}),
    Question("b", "", {"team": "two, three"}),
]


def row(question: Question, *, answer: str = "=HYPERLINK(1)") -> AnswerRow:
    citation = Citation("a.pdf", "d", "v", "k", answer, 3, 10, 23, "exact")
    return AnswerRow(
        id=question.id,
        question=question.text,
        status="answered",
        abstain_reason=None,
        answer=answer,
        claims=(Claim(answer, (citation,)),),
        passages=(),
        model="extractive",
        usage=Usage(),
        cost_usd=0.0,
        snapshot="3",
        request_key="r",
        confidence=0.5,
        columns=question.columns,
    )


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "q.jsonl",
            (
                '{"id": "a", "question": "What is it?", "team": "one"}\n\n'
                '{"id": "b", "question": null, "team": "two, three"}\n'
            ),
        ),
        ("q.csv", 'id,question,team\na,What is it?,one\nb,,"two, three"\n'),
        ("bom.csv", '\ufeffid,question,team\r\na,What is it?,one\r\nb,,"two, three"\r\n'),
        ("semicolon.csv", 'team;id;question\none;a;What is it?\n"two, three";b;\n'),
        ("q.tsv", "id\tquestion\tteam\na\tWhat is it?\tone\nb\t\ttwo, three\n"),
    ],
)
def test_each_format_gives_the_same_questions(name: str, content: str, tmp_path: Path) -> None:
    assert read_questions(write(tmp_path / name, content)) == WANTED


def test_a_spreadsheet_gives_the_same_questions(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for cells in (["id", "question", "team"], ["a", "What is it?", "one"], ["b", None, "two, three"], [None]):
        book.active.append(cells)
    book.save(tmp_path / "q.xlsx")
    assert read_questions(tmp_path / "q.xlsx") == WANTED


def test_rows_without_an_id_are_named_by_their_place(tmp_path: Path) -> None:
    found = read_questions(write(tmp_path / "q.csv", "question\nOne?\nTwo?\n"))
    assert [question.id for question in found] == ["row-1", "row-2"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("q.jsonl", '{"question": "One?"}\n{"question": \n', "line 2"),
        ("q.jsonl", '{"question": "One?"}\n["Two?"]\n', "line 2"),
        ("q.jsonl", '{"question": 5}\n', "line 1"),
        ("q.jsonl", '{"frage": "Eins?"}\n', "no column 'question', only: frage"),
        ("q.jsonl", '{"id": "x", "question": "1?"}\n{"id": "x", "question": "2?"}\n', "stands already in line 1"),
        ("q.jsonl", "", "it holds no row"),
        ("q.csv", "id,question\n", "it holds no row"),
        ("q.csv", "id,text\na,One?\n", "no column 'question'"),
        ("q.csv", "id,question\na,One?\nb,Two, or three?\n", "line 3: it has 3 cells, the header has 2"),
        ("q.csv", 'id,question\na,"One?\n', "line 2"),
        ("q.csv", "id,question,question\na,One?,Two?\n", "occurs twice"),
        ("q.csv", "id,question\na,Où?\n".encode("latin-1"), "line 2: byte 0xf9 is not UTF-8"),
        ("q.csv", "id,question\na,One?\n".encode("utf-16-le"), "NUL"),
        ("q.xlsx", b"PK\x03\x04 broken", "no readable XLSX"),
        ("q.pdf", b"", "'.pdf'"),
    ],
)
def test_a_bad_file_is_refused_with_the_place(name: str, content: str | bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(QuestionsFileError) as caught:
        read_questions(write(tmp_path / name, content))
    assert says in str(caught.value)
    assert caught.value.remedy


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QuestionsFileError, match="No such file"):
        read_questions(tmp_path / "none.csv")


def test_json_answers_are_the_same_rows_with_columns_added(tmp_path: Path) -> None:
    question = Question("a", "What?", {"team": "one", "answer": "expected"})
    write_answers([row(question), row(WANTED[1])], tmp_path / "a.jsonl")
    first, second = map(json.loads, (tmp_path / "a.jsonl").read_text("utf-8").splitlines())
    assert list(first)[:4] == ["id", "question", "team", "answer"]
    assert (first["answer"], first["wellread_answer"]) == ("expected", "=HYPERLINK(1)")
    assert second["answer"] == "=HYPERLINK(1)"
    assert second["claims"][0]["citations"][0]["page"] == 3


def test_csv_answers_keep_rows_and_run_no_formula(tmp_path: Path) -> None:
    write_answers([row(question) for question in WANTED], tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(one["id"], one["team"]) for one in rows] == [("a", "one"), ("b", "two, three")]
    assert rows[0]["answer"] == "'=HYPERLINK(1)"
    assert (rows[0]["documents"], rows[0]["pages"], rows[0]["spans"]) == ("a.pdf", "3", "10-23")


def test_spreadsheet_answers_hold_strings_only(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    write_answers([row(WANTED[0], answer="=1+1\x07")], tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    cells = {header.value: cell for header, cell in zip(sheet[1], sheet[2], strict=True)}
    assert cells["answer"].data_type == "s"
    assert cells["question"].value == "What is it?"


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError):
        write_answers([row(WANTED[0])], tmp_path / "file" / "a.csv")
    with pytest.raises(SettingsError, match="pdf"):
        write_answers([row(WANTED[0])], tmp_path / "a.pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_answer_row_survives_its_json() -> None:
    original = row(WANTED[0])
    assert answer_row_from_dict(json.loads(json.dumps(answer_row_as_dict(original)))) == original

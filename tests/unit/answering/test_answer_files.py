"""What answer files hold: every fact in every format, readable again, and nothing that a spreadsheet runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from wellread.answering.checking.answer_reading import read_cited_answers
from wellread.answering.files.answer_columns import free_name, own_name, portable
from wellread.answering.files.answer_files import write_answers
from wellread.answering.files.formulas import guarded, unguarded
from wellread.answering.files.question_files import read_questions
from wellread.errors import QuestionsFileError
from wellread.questions import AnswerRow, Citation, Claim, Question, Usage

FORMATS = ("jsonl", "csv", "tsv", "xlsx", "parquet")


def row(number: int = 1, **changes: Any) -> AnswerRow:
    quotes = (
        Citation("rules.md", "doc-1", "v1", "key-1", "=Members may borrow twelve.", 3, 10, 37, "exact"),
        Citation("fees.pdf", "doc-2", "v2", "key-2", "A late book\ncosts 20 cents.", None, None, None, "fuzzy"),
    )
    facts: dict[str, Any] = {
        "id": f"q{number}",
        "question": "How many?",
        "status": "flagged",
        "abstain_reason": None,
        "answer": "Twelve.",
        "claims": (Claim("Twelve.", quotes),),
        "passages": (),
        "model": "tester",
        "usage": Usage(900, 40, 300),
        "cost_usd": 0.000159,
        "snapshot": "3",
        "request_key": "r",
        "confidence": 0.5,
        "columns": {"team": "one", "status": "theirs"},
        "flags": ("leak:url", "repaired"),
        "origin": "model",
        "prompt": "answer_with_quotes 2",
        "prompt_sha256": "abc",
        "left_out": (("key-9", "budget"), ("key-8", "budget")),
    }
    return AnswerRow(**{**facts, **changes})


def cells(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    if path.suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        return list(parquet.read_table(path).to_pylist())
    if path.suffix == ".xlsx":
        sheet = pytest.importorskip("openpyxl").load_workbook(path).active
        header, *rows = sheet.iter_rows(values_only=True)
        return [dict(zip(header, one, strict=True)) for one in rows]
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="," if path.suffix == ".csv" else "\t"))


@pytest.mark.parametrize("suffix", ["csv", "tsv", "xlsx"])
def test_tables_of_text_hold_every_fact(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    write_answers([row()], path)
    (one,) = cells(path)
    assert (one["status"], one["wellread_status"]) == ("theirs", "flagged")
    assert one["doc_ids"].split("\n") == ["doc-1", "doc-2"]
    assert one["versions"].split("\n") == ["v1", "v2"]
    assert one["flags"].split("\n") == ["leak:url", "repaired"]
    assert (one["prompt"], one["prompt_sha256"], one["origin"]) == ("answer_with_quotes 2", "abc", "model")
    assert (one["left_out_count"], one["cached_input_tokens"], one["cost_usd"]) == ("2", "300", "0.000159")


def test_parquet_holds_types_and_nested_claims(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    write_answers([row(), row(2, claims=(), answer=None, cost_usd=None, columns={}, flags=())], path)
    types = {field.name: str(field.type) for field in parquet.read_schema(path)}
    assert (types["input_tokens"], types["cost_usd"], types["flags"]) == (
        "int64",
        "double",
        "list<element: string>",
    )
    first, second = cells(path)
    assert first["claims"][0]["citations"][0]["start_char"] == 10
    assert (first["status"], first["wellread_status"], second["status"]) == ("theirs", "flagged", None)
    assert (second["answer"], second["cost_usd"], second["claims"]) == (None, None, [])


def test_a_parquet_file_without_rows_has_its_columns(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    write_answers([], tmp_path / "a.parquet")
    assert cells(tmp_path / "a.parquet") == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_can_be_audited_again(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    write_answers([row(), row(2, claims=(), answer=None)], path)
    first, second = read_cited_answers(path)
    assert (first.id, second.id, second.citations) == ("q1", "q2", ())
    told = [(one.document, one.doc_id, one.version_hash, one.page, one.match) for one in first.citations]
    assert told == [("rules.md", "doc-1", "v1", 3, "exact"), ("fees.pdf", "doc-2", "v2", None, "fuzzy")]
    assert first.citations[0].quote == "=Members may borrow twelve."


@pytest.mark.parametrize("suffix", FORMATS)
def test_answers_as_questions_keep_their_columns_and_ours_stay_apart(suffix: str, tmp_path: Path) -> None:
    """Twice around: the quotes that are read again are always those of the last time."""
    path = tmp_path / f"a.{suffix}"
    write_answers([row()], path)
    for quote in ("second", "third"):
        asked = read_questions(path)
        citation = Citation("d", "i", "v", "k", quote, None, None, None, "exact")
        claims = (Claim(quote, (citation,)),)
        write_answers([row(columns=one.columns, claims=claims) for one in asked], path)
        (again,) = read_cited_answers(path)
        assert [one.quote for one in again.citations] == [quote]


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@A1",
        "\tx",
        "\rx",
        "\uff1d1",
        " =1",
        "\n=1",
        "'=1",
        "''=1",
        "plain",
        "it's",
        "'quoted'",
        "",
    ],
)
def test_a_guarded_cell_is_no_formula_and_has_one_way_back(cell: str) -> None:
    safe = guarded(cell)
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))
    assert unguarded(safe) == cell


@pytest.mark.parametrize("taken", [set(), {"status"}, {"status", "wellread_status"}, {"wellread_status"}])
def test_a_name_of_ours_is_found_again_whatever_theirs_are(taken: set[str]) -> None:
    ours = free_name("status", taken)
    assert ours not in taken
    assert own_name("status", {*taken, ours}) == ours


@pytest.mark.parametrize("suffix", FORMATS)
def test_characters_that_no_file_takes_stop_nothing(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    write_answers([row(question="lone \ud800", answer="lone \udfff too")], path)
    assert len(cells(path)) == 1
    assert portable({"a": ["\x00\ud800"]}) == {"a": ["\ufffd\ufffd"]}


def test_questions_come_from_parquet_with_values_as_texts(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"question": ["One?", None], "id": [1.0, 2.0], "year": [2020, None], "tags": [["a"], []]})
    parquet.write_table(table, tmp_path / "q.parquet")
    assert read_questions(tmp_path / "q.parquet") == [
        Question("1", "One?", {"year": "2020", "tags": '["a"]'}),
        Question("2", "", {"year": "", "tags": "[]"}),
    ]


def test_a_parquet_file_that_is_none_or_has_no_questions_is_refused(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing")
    parquet.write_table(pa.table({"text": ["One?"]}), tmp_path / "unnamed.parquet")
    parquet.write_table(pa.table({"question": [1]}), tmp_path / "numbers.parquet")
    for name, says in (("broken", "no readable Parquet"), ("unnamed", "no column"), ("numbers", "is a int")):
        with pytest.raises(QuestionsFileError, match=says):
            read_questions(tmp_path / f"{name}.parquet")
    with pytest.raises(QuestionsFileError, match="no readable Parquet"):
        read_cited_answers(tmp_path / "broken.parquet")

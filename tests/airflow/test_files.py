"""Files that tasks read and write, and rows small enough for an XCom."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.errors import SettingsError
from wellread.questions import AnswerRow, Citation, Claim, Usage
from wellread_airflow.files import read_question_file, written_file
from wellread_airflow.operators.answering import small_row


def row(question: str, answer: str, quotes: list[str]) -> AnswerRow:
    claims = tuple(
        Claim(quote, (Citation("d.txt", "id", "v", "c", quote, 1, 0, len(quote), "exact"),)) for quote in quotes
    )
    return AnswerRow(
        id="q",
        question=question,
        status="answered",
        abstain_reason=None,
        answer=answer,
        claims=claims,
        passages=(),
        model="extractive",
        usage=Usage(),
        cost_usd=0.0,
        snapshot="4/",
        request_key="k" * 64,
    )


@given(st.text(max_size=9_000), st.text(max_size=9_000), st.lists(st.text(max_size=3_000), max_size=6))
def test_a_row_fits_into_an_xcom_whatever_was_asked_and_answered(q: str, a: str, quotes: list[str]) -> None:
    small = small_row(row(q, a, quotes))
    assert len(json.dumps(small)) < 4_096
    whole = (small["question"], small["answer"], len(small["claims"])) == (q, a, len(quotes))
    assert small["truncated"] is not whole


def test_an_ordinary_row_is_whole() -> None:
    small = small_row(row("Who?", "Ada did.", ["Ada did."]))
    assert small["claims"][0]["citations"][0]["quote"] == "Ada did."
    assert small["truncated"] is False


def test_uris_are_read_and_written_as_paths_are(tmp_path: Path) -> None:
    (tmp_path / "questions.jsonl").write_text('{"question": "Who?"}\n')
    [question] = read_question_file(f"file://{tmp_path}/questions.jsonl")
    assert question.text == "Who?"
    with written_file(f"file://{tmp_path}/answers.csv") as path:
        path.write_text("id\r\n")
    assert (tmp_path / "answers.csv").read_text() == "id\n"


def test_a_failed_task_leaves_nothing_at_a_uri(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), written_file(f"file://{tmp_path}/answers.csv") as path:
        path.write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["answers.pdf", "answers", "no-folder/answers.csv"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError), written_file(str(tmp_path / name)):
        pytest.fail("the work began")


def test_an_unknown_scheme_is_an_error_that_names_the_address() -> None:
    with pytest.raises(SettingsError, match=r"reach nowhere://x/questions\.csv"):
        read_question_file("nowhere://x/questions.csv")

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from wellread.errors import QuestionsFileError
from wellread.evaluation.gold import GoldPassage, GoldQuestion, half_of, read_gold, write_gold


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    questions = [
        GoldQuestion("1", "Who?", (GoldPassage("a.txt", "the passage"),), ("me",), answerable=True),
        GoldQuestion("2", "Où est-ce ?", (GoldPassage("b.txt"),)),
    ]
    write_gold(tmp_path / "gold.jsonl", questions)
    assert read_gold(tmp_path / "gold.jsonl") == questions


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("{", "line 2"),
        ('{"id": "x"}', "question"),
        ('{"id": "x", "question": "  "}', "question"),
        ('{"id": 7, "question": "Why?"}', "id"),
        ('{"id": "x", "question": "Why?", "relevant": [{"passage": "p"}]}', "relevant.0.document"),
        ('{"id": "1", "question": "Why?"}', "line 1 already"),
        ("[]", "line 2"),
    ],
)
def test_a_bad_row_is_named_by_line_and_field(tmp_path: Path, line: str, found: str) -> None:
    path = written(tmp_path / "gold.jsonl", json.dumps({"id": "1", "question": "Who?"}), line)
    with pytest.raises(QuestionsFileError, match="line 2") as raised:
        read_gold(path)
    assert found in str(raised.value)


def test_a_missing_and_an_empty_file_are_errors(tmp_path: Path) -> None:
    with pytest.raises(QuestionsFileError, match="No such file"):
        read_gold(tmp_path / "none.jsonl")
    with pytest.raises(QuestionsFileError, match="no rows"):
        read_gold(written(tmp_path / "empty.jsonl", "", "  "))


def test_the_test_half_are_ids_whose_hash_begins_with_an_odd_byte() -> None:
    for question_id in ("a", "b", "c", "d", "e", "f"):
        first = int(hashlib.sha256(question_id.encode()).hexdigest()[:2], 16)
        assert half_of(question_id) == ("test" if first % 2 else "dev")


def test_bare_yes_and_no_are_no_strings_to_look_for() -> None:
    assert GoldQuestion("1", "?", answers=("Yes", "no.", "9/1/16", "—")).strings == ("9/1/16",)

"""The oracle of the ingestion benchmark: every kind of error is told apart, and none is overlooked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3]))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        del sys.modules[name]


def _row(document: str, text: str, owner: str = "", number: int = 1) -> Any:
    from benchmarks.ingestion.oracle import Row

    return Row(f"{document}-{text}-{number}", "Bench", document, text, owner)


_EXPECTED = {"a.md": ["one", "two"], "b.md": ["three"]}


def _errors(*rows: Any, owners: dict[str, str] | None = None) -> dict[str, int]:
    from benchmarks.ingestion.oracle import compare

    return {name: count for name, count in compare(rows, _EXPECTED, owners or {}).as_dict().items() if count}


def test_what_should_be_there_is_no_error() -> None:
    assert _errors(_row("a.md", "one"), _row("a.md", "two"), _row("b.md", "three")) == {}


def test_a_missing_chunk_is_lost() -> None:
    assert _errors(_row("a.md", "one"), _row("a.md", "two")) == {"lost": 1}


def test_a_text_under_another_document_is_lost_there_and_stale_here() -> None:
    assert _errors(_row("a.md", "one"), _row("a.md", "two"), _row("a.md", "three")) == {"lost": 1, "stale": 1}


def test_a_second_object_of_a_right_text_is_double_not_stale() -> None:
    rows = [_row("a.md", "one"), _row("a.md", "two"), _row("b.md", "three"), _row("b.md", "three", number=2)]
    assert _errors(*rows) == {"double": 1}


def test_an_object_of_a_document_that_is_gone_is_stale() -> None:
    rows = [_row("a.md", "one"), _row("a.md", "two"), _row("b.md", "three"), _row("gone.md", "one")]
    assert _errors(*rows) == {"stale": 1}


def test_metadata_of_before_is_wrong() -> None:
    rows = [_row("a.md", "one", "old"), _row("a.md", "two", "new"), _row("b.md", "three")]
    assert _errors(*rows, owners={"a.md": "new"}) == {"wrong_metadata": 1}


def test_writes_are_what_appeared_vanished_and_changed() -> None:
    from benchmarks.ingestion.oracle import writes_between

    found = writes_between({"1": "x", "2": "x", "3": "x"}, {"2": "x", "3": "y", "4": "z"})
    assert found == {"appeared": 1, "vanished": 1, "changed": 1}


def test_the_same_numbers_give_the_same_documents(tmp_path: Path) -> None:
    from benchmarks.ingestion.corpus import documents, write_corpus

    for name in ("first", "second"):
        write_corpus(tmp_path / name, 24)
    names = documents(tmp_path / "first")
    assert len(names) == 24
    assert {"guide-9.md", "guide-9-appendix.md"} <= set(names)
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()

"""The sample corpus is what its README says, and its answers are really in it."""

from __future__ import annotations

import importlib.util
import json
import re
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DEMO = Path(__file__).parents[3] / "demo"
DOCUMENTS = DEMO / "documents"
FILE_LIMIT_BYTES = 60_000
TEXT_SUFFIXES = {".md", ".html", ".txt", ".rst", ".csv", ".xml", ".json", ".eml"}
GOLD = [json.loads(line) for line in (DEMO / "gold.jsonl").read_text(encoding="utf-8").splitlines()]


def _builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wellread_demo_documents", DEMO / "build_documents.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _content(path: Path) -> Any:
    """What is in a file, apart from how this machine's zlib packs it."""
    if not zipfile.is_zipfile(path):
        return len(path.read_bytes()) if path.name == "lost-property.docx" else path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_committed_binary_files_are_those_that_the_script_builds(tmp_path: Path) -> None:
    builder = _builder()
    builder.main(tmp_path)
    for name in builder.BUILDERS:
        assert _content(tmp_path / name) == _content(DOCUMENTS / name), name


def test_it_has_many_formats_in_small_files() -> None:
    files = [path for path in DOCUMENTS.rglob("*") if path.is_file()]
    assert len(files) >= 15
    assert len({path.suffix for path in files}) >= 8
    assert max(path.stat().st_size for path in files) < FILE_LIMIT_BYTES


def test_the_readme_lists_every_document_and_nothing_else() -> None:
    table = [
        line for line in (DEMO / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")
    ]
    listed = {name for line in table for name in re.findall(r"`([^`]+)`", line.split("|")[1])}
    assert listed == {path.relative_to(DOCUMENTS).as_posix() for path in DOCUMENTS.rglob("*") if path.is_file()}


def test_the_broken_document_is_broken() -> None:
    assert not zipfile.is_zipfile(DOCUMENTS / "records" / "lost-property.docx")


def test_questions_and_gold_are_the_same_questions() -> None:
    lines = (DEMO / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{"id": row["id"], "question": row["question"]} for row in GOLD]


@pytest.mark.parametrize("row", [row for row in GOLD if row["answerable"]], ids=lambda row: row["id"])
def test_the_answer_to_a_question_is_in_the_document_that_gold_names(row: dict[str, Any]) -> None:
    for relevant in row["relevant"]:
        path = DOCUMENTS / relevant["document"]
        assert path.is_file()
        if path.suffix in TEXT_SUFFIXES:
            text = " ".join(path.read_text(encoding="utf-8").split())
            assert relevant["passage"] in text
            assert all(answer in text for answer in row["answers"])

"""Messy, broken and hostile folders through whole runs: every file ends in one state, and the good ones are in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from wellread.ledger import documents as ledger_documents
from wellread.models.embedding.self_check import CANARY_TEXT
from wellread.parsing.causes import CAUSES
from wellread.runs import BalanceSheet
from wellread.sources.declarations import declaration_for_folder
from wellread.testing.embedding_server import EmbeddingServer
from wellread.workspace import Workspace

pytestmark = [pytest.mark.corpora, pytest.mark.weaviate]

READ_FORMATS = {
    *("txt", "md", "rst", "html", "csv", "tsv", "json", "ndjson", "xml"),
    *("docx", "pptx", "xlsx", "xlsm", "eml", "pdf"),
}
"""What a listed type may be called in the manifests."""

NOT_COMMITTED = {
    "messy-documents": {
        "unstructured/empty.xlsx": "no_elements",  # a workbook without a value
        "unstructured/picture.pptx": "no_elements",  # a slide with one picture
        "unstructured/test-image-jpg-mime.pptx": "no_elements",  # the same
    },
    "broken-documents": {
        "pdfjs/issue5801.pdf": "no_text",  # a font without meaning: only unassigned characters
        "poi/openxml4j/invalid.xlsx": "mislabelled",  # a zip archive without a workbook
        "poi/spreadsheet/poc-shared-strings.xlsx": "out_of_memory",  # made to fill the memory
        "poi/spreadsheet/workbookProtection_workbook_revision_protected.xlsx": "no_elements",  # without a value
    },
}
"""Files of class ``text`` and of a listed type that cannot be read, each with its cause."""

HOSTILE_STATES = {
    "zip-bomb.docx": "zip_bomb",
    "billion-laughs.docx": "malicious",
    "billion-laughs.xml": "malicious",
    "external-entity.xml": "committed",
    "nested.zip": "unsupported",
    "path-traversal.zip": "unsupported",
    "odd-names.zip": "unsupported",
    "deep-html.html": "sparse_text",  # fifteen characters under half a megabyte of tags
    "one-line.csv": "committed",
    "ragged.csv": "committed",
    "million-rows.xlsx": "committed",
    "page-loop.pdf": "corrupt",
    "stream-bomb.pdf": "no_elements",
    "truncated.pdf": "truncated",
    "not-a-pdf.pdf": "committed",
    "empty.pdf": "empty",
    "nul-bytes.txt": "committed",
    "lone-surrogates.json": "committed",
    "bidi-and-zero-width.txt": "committed",
    "mixed-encodings.txt": "committed",
    "hidden-instructions.html": "committed",
}

QUALITY_CAUSES = {"sparse_text"}
"""Of the quality rules only this one has something to say about these sets, and only once."""

Ingest = Callable[[str], tuple[BalanceSheet, dict[str, str]]]


@pytest.fixture
def ingest(deployment: dict[str, Any], corpora: Path) -> Iterator[Ingest]:
    """Runs a set; gives the sheet, and for every file its state (the cause, where it is not committed)."""
    before = set(psutil.Process().children(recursive=True))
    with Workspace.open(deployment) as workspace:
        collection = workspace.settings.collection

        def run(name: str) -> tuple[BalanceSheet, dict[str, str]]:
            declaration = declaration_for_folder(corpora / name / "files", collection=collection)
            sheet = workspace.runner.run(declaration)
            states = {str(problem["document"]): str(problem["cause"]) for problem in sheet.problems}
            for known in ledger_documents.stream_known(workspace.ledger, collection, declaration.id):
                if known.document is not None:
                    assert states.setdefault(known.document.natural_key, "committed") == "committed"
            return sheet, states

        yield run
    assert not set(psutil.Process().children(recursive=True)) - before, "a process outlived its workspace"


def rows_of(corpora: Path, name: str) -> dict[str, dict[str, Any]]:
    lines = (corpora / name / "manifest.jsonl").read_text("utf-8").splitlines()
    return {row["path"].removeprefix("files/"): row for row in map(json.loads, lines)}


def check_balance(sheet: BalanceSheet, states: dict[str, str], keys: set[str]) -> None:
    """The sheet counts every file once, and each has its state, with a reason where it is not in."""
    assert states.keys() == keys
    assert sheet.listed == len(keys) == sum(sheet.outcomes.values())
    assert sheet.outcomes["committed"] == sum(state == "committed" for state in states.values())
    assert {name for name, count in sheet.outcomes.items() if count} <= {"committed", "quarantined", "unsupported"}
    assert set(states.values()) - {"committed"} <= (CAUSES - {"crashed"}) | QUALITY_CAUSES
    assert all(problem["found"] and problem["remedy"] for problem in sheet.problems)


@pytest.mark.parametrize("name", ["messy-documents", "broken-documents"])
def test_every_readable_file_is_in_and_every_other_has_its_reason(
    ingest: Ingest, corpora: Path, metered: EmbeddingServer, name: str
) -> None:
    rows = rows_of(corpora, name)
    sheet, states = ingest(name)
    check_balance(sheet, states, set(rows))
    readable = {key for key, row in rows.items() if row["class"] == "text" and row["format"] in READ_FORMATS}
    missed = {key: states[key] for key in readable if states[key] != "committed"}
    assert missed == NOT_COMMITTED[name]
    paid = {text: times for text, times in metered.meter().times_by_text.items() if text != CANARY_TEXT}
    assert sheet.embeddings_computed == len(paid) == sum(paid.values()), "the same text was paid for twice"


def test_hostile_files_harm_nobody_and_end_as_told(ingest: Ingest, corpora: Path) -> None:
    sheet, states = ingest("hostile-inputs")
    check_balance(sheet, states, set(rows_of(corpora, "hostile-inputs")))
    assert states == HOSTILE_STATES

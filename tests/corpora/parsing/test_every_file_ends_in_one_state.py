"""Messy, broken and hostile files: each is parsed, or refused with a cause; nothing hangs or crashes the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from wellread.documents import ParsedDocument
from wellread.errors import DocumentError, UnsupportedTypeError
from wellread.parsing.causes import CAUSES

pytestmark = pytest.mark.corpora

Manifest = Callable[[str], list[dict[str, Any]]]
Outcomes = Callable[[str, list[str]], dict[str, ParsedDocument | DocumentError]]

READ_FORMATS = {
    "txt",
    "md",
    "rst",
    "html",
    "csv",
    "tsv",
    "json",
    "ndjson",
    "xml",
    "docx",
    "pptx",
    "xlsx",
    "xlsm",
    "eml",
    "pdf",
    "msg",
    "epub",
    "odt",
    "rtf",
}
WITHOUT_A_WORD = {
    "files/unstructured/empty.xlsx",  # a workbook without a value
    "files/unstructured/picture.pptx",  # a slide with one picture
    "files/unstructured/test-image-jpg-mime.pptx",  # the same
    "files/tika/testRTFBoldPlain.rtf",  # a page header above an empty page
    "files/tika/test_list_override.rtf",  # a table of list formats
}


def _check_states(outcomes: dict[str, ParsedDocument | DocumentError]) -> None:
    for path, outcome in outcomes.items():
        if isinstance(outcome, ParsedDocument):
            assert any(element.text.strip() for element in outcome.elements), path
        else:
            assert outcome.cause in CAUSES, path
            assert outcome.cause != "crashed", path
            assert (outcome.cause == "unsupported") == isinstance(outcome, UnsupportedTypeError), path


def test_messy_documents_of_read_types_are_ingested(manifest: Manifest, outcomes: Outcomes) -> None:
    rows = manifest("messy-documents")
    found = outcomes("messy-documents", [row["path"] for row in rows])
    assert len(found) == 263
    _check_states(found)
    expected = {row["path"] for row in rows if row["class"] == "text" and row["format"] in READ_FORMATS}
    missed = {path for path in expected if isinstance(found[path], DocumentError)}
    assert missed == WITHOUT_A_WORD
    assert all(getattr(found[path], "cause", "") == "no_elements" for path in missed)


def test_messy_documents_without_text_are_refused_with_the_right_cause(
    manifest: Manifest, outcomes: Outcomes
) -> None:
    rows = [row for row in manifest("messy-documents") if row["class"] in {"empty", "password"}]
    found = outcomes("messy-documents", [row["path"] for row in rows])
    causes = {row["class"]: Counter() for row in rows}
    for row in rows:
        causes[row["class"]][getattr(found[row["path"]], "cause", "parsed")] += 1
    assert causes == {"empty": Counter(empty=3), "password": Counter(encrypted=2)}


def test_letters_and_parts_of_messages_books_and_rich_text_are_right(outcomes: Outcomes) -> None:
    expected = {
        "tika/testRTFWord2010CzechCharacters.rtf": "Svitky od Mrtvého moře jsou starověké židovské",
        "unstructured/fake-doc.rtf": "Column 1 | Column 2 Row 1, Cell 1 | Row 1, Cell 2",
        "unstructured/fake-email-attachment.msg": "fake-attachment.txt Hey this is a fake attachment!",
        "unstructured/fake-email-with-cc-and-bcc.msg": "Cc: steve@unstructured.io Date: Mon, 29 Jul 2024",
        "tika/testMSG_forwarded.msg": "Forwarded Body From: Paul Allan Hill",
        "kreuzberg/wasteland.epub": "April is the cruellest month, breeding Lilacs out of the dead land",
        "unstructured/fake.odt": "Header row | Mon | Wed | Fri Color | Blue",
        "unstructured/simple.odt": "These are a few of my favorite things: Parrots Hockey",
    }
    found = outcomes("messy-documents", [f"files/{name}" for name in expected])
    for name, words in expected.items():
        outcome = found[f"files/{name}"]
        assert isinstance(outcome, ParsedDocument), name
        assert words in _text(outcome), name
    book = found["files/kreuzberg/wasteland.epub"]
    assert isinstance(book, ParsedDocument)
    assert book.title == "The Waste Land"


@pytest.mark.usefixtures("tesseract")
def test_pictures_of_text_are_read_and_others_say_why_not(manifest: Manifest, outcomes: Outcomes) -> None:
    found = outcomes("messy-documents", [r["path"] for r in manifest("messy-documents") if r["class"] == "image"])
    refused = {
        Path(path).name: outcome.cause for path, outcome in found.items() if isinstance(outcome, DocumentError)
    }
    assert refused == {"DA-1p.heic": "unsupported", "example.jpg": "no_text"}  # a photo of things
    texts = {
        Path(path).name: _text(outcome) for path, outcome in found.items() if isinstance(outcome, ParsedDocument)
    }
    assert len(texts) == 5
    for name in ("DA-1p.jpg", "DA-1p.png"):
        assert "had been tracking the maleficar for days" in texts[name]
    for name in ("layout-parser-paper-fast.jpg", "layout-parser-paper-with-table.jpg"):
        assert "LayoutParser" in texts[name]
    assert texts["webp-test.webp"].startswith("Docling bundles PDF document conversion to JSON")


def _text(document: ParsedDocument) -> str:
    return " ".join(" ".join(element.text.split()) for element in document.elements)


def test_broken_documents_end_in_one_state_each(manifest: Manifest, outcomes: Outcomes) -> None:
    rows = manifest("broken-documents")
    found = outcomes("broken-documents", [row["path"] for row in rows])
    assert len(found) == 124
    _check_states(found)
    locked = [row["path"] for row in rows if row["class"] == "password"]
    assert {getattr(found[path], "cause", "parsed") for path in locked} == {"encrypted"}
    readable = [row for row in rows if row["class"] == "text" and row["format"] == "pdf"]
    refused = {row["path"] for row in readable if isinstance(found[row["path"]], DocumentError)}
    assert refused == {"files/pdfjs/issue5801.pdf"}  # a font without meaning: only unassigned characters


def test_hostile_inputs_do_what_their_manifest_expects(manifest: Manifest, outcomes: Outcomes) -> None:
    rows = manifest("hostile-inputs")
    found = outcomes("hostile-inputs", [row["path"] for row in rows])
    assert len(found) == 21
    _check_states(found)
    causes = {path.removeprefix("files/"): getattr(outcome, "cause", "parsed") for path, outcome in found.items()}
    assert causes == {
        "zip-bomb.docx": "zip_bomb",
        "billion-laughs.docx": "malicious",
        "billion-laughs.xml": "malicious",
        "external-entity.xml": "parsed",
        "nested.zip": "unsupported",
        "path-traversal.zip": "unsupported",
        "deep-html.html": "parsed",
        "one-line.csv": "parsed",
        "ragged.csv": "parsed",
        "million-rows.xlsx": "parsed",
        "page-loop.pdf": "corrupt",
        "stream-bomb.pdf": "no_elements",
        "truncated.pdf": "truncated",
        "not-a-pdf.pdf": "parsed",
        "empty.pdf": "empty",
        "nul-bytes.txt": "parsed",
        "lone-surrogates.json": "parsed",
        "bidi-and-zero-width.txt": "parsed",
        "mixed-encodings.txt": "parsed",
        "hidden-instructions.html": "parsed",
        "odd-names.zip": "unsupported",
    }
    texts = {
        path.removeprefix("files/"): " ".join(element.text for element in outcome.elements)
        for path, outcome in found.items()
        if isinstance(outcome, ParsedDocument)
    }
    assert texts["external-entity.xml"] == "before after"
    assert "needle at depth" in texts["deep-html.html"]
    assert "\0" not in texts["nul-bytes.txt"]
    hidden = texts["hidden-instructions.html"]
    assert "25" in hidden
    assert "99" not in hidden
    assert "ignore" not in hidden.lower()


def test_json_of_all_kinds_is_read_or_taken_as_text(corpora: Path, outcomes: Outcomes) -> None:
    paths = sorted(
        str(path.relative_to(corpora / "broken-json")) for path in (corpora / "broken-json/files").iterdir()
    )
    found = outcomes("broken-json", paths)
    assert len(found) == 107
    _check_states(found)
    valid = [path for path in paths if Path(path).name.startswith("y_")]
    assert valid
    for path in valid:
        outcome = found[path]
        assert isinstance(outcome, ParsedDocument), path
        assert outcome.media_type in {"application/json", "application/x-ndjson"}, path


def test_no_child_process_outgrew_the_set(manifest: Manifest, outcomes: Outcomes) -> None:
    outcomes("broken-documents", [row["path"] for row in manifest("broken-documents")])
    warm = [child for child in psutil.Process().children() if "wellread.parsing.warm_parent" in child.cmdline()]
    assert warm
    assert all(len(parent.children(recursive=True)) <= 2 for parent in warm)  # two workers each

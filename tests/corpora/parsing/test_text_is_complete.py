"""How much of what is in the documents comes out: encodings, contract clauses, web pages."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from lxml import html

from wellread.documents import ParsedDocument
from wellread.errors import DocumentError
from wellread.parsing import ParserPool
from wellread.parsing.causes import UnreadableError
from wellread.parsing.text_decoding import decode

pytestmark = pytest.mark.corpora

Manifest = Callable[[str], list[dict[str, Any]]]
Outcomes = Callable[[str, list[str]], dict[str, ParsedDocument | DocumentError]]

LANGUAGE_SUFFIX = re.compile(
    r"(?i)(?<=\d)-(croatian|czech|hungarian|polish|slovak|bulgarian|russian|arabic|greek|turkish|hebrew)$"
)


def _compact(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def test_at_least_95_percent_of_texts_are_decoded_as_labelled(manifest: Manifest, corpora: Path) -> None:
    rows = manifest("text-encodings")
    missed = [
        row["path"] for row in rows if not _decoded_as_labelled(corpora / "text-encodings" / row["path"], row)
    ]
    assert len(rows) == 64
    assert 1 - len(missed) / len(rows) >= 0.95, missed


def _decoded_as_labelled(path: Path, row: dict[str, Any]) -> bool:
    content = path.read_bytes()
    try:
        labelled = content.decode(LANGUAGE_SUFFIX.sub("", row["encoding"]))
        return decode(content).text == labelled.removeprefix("\ufeff").replace("\0", "")
    except (LookupError, UnicodeDecodeError, UnreadableError):
        return False


def test_nearly_all_annotated_clauses_stand_in_the_text_without_furniture(
    corpora: Path, outcomes: Outcomes
) -> None:
    questions = (corpora / "cuad-contracts/questions.jsonl").read_text("utf-8").splitlines()
    clauses = [clause for line in questions for clause in json.loads(line)["relevant"]]
    names = sorted({clause["doc"] for clause in clauses})
    found = outcomes("cuad-contracts", [f"pdf/{name}" for name in names])
    texts = {}
    for name in names:
        document = found[f"pdf/{name}"]
        assert isinstance(document, ParsedDocument), name
        texts[name] = _compact("".join(e.text for e in document.elements if e.kind != "page_furniture"))
    missed = [clause for clause in clauses if _compact(clause["passage"]) not in texts[clause["doc"]]]
    assert len(clauses) == 629
    assert 1 - len(missed) / len(clauses) >= 0.995, missed


def test_every_contract_shows_a_title(corpora: Path, outcomes: Outcomes) -> None:
    paths = sorted(
        str(path.relative_to(corpora / "cuad-contracts")) for path in (corpora / "cuad-contracts/pdf").iterdir()
    )
    found = outcomes("cuad-contracts", paths)
    titles = [document.title for document in found.values() if isinstance(document, ParsedDocument)]
    assert len(titles) == 34
    assert all(titles)
    assert sum(1 for title in titles if re.match(r"(?i)exhibit", title or "")) <= 1  # one is called nothing else


def test_web_pages_give_their_article_and_little_else(corpora: Path, pool: ParserPool) -> None:
    scores = {}
    for page in sorted(path for path in (corpora / "web-pages").iterdir() if path.is_dir()):
        document = pool.parse((page / "source.html").read_bytes(), f"{page.name}/source.html")
        expected = _words(html.document_fromstring((page / "expected.html").read_text("utf-8")).text_content())
        found = _words(" ".join(element.text for element in document.elements))
        scores[page.name] = 2 * (expected & found).total() / (expected.total() + found.total())
    assert len(scores) == 15
    assert min(scores.values()) >= 0.85, scores
    assert mean(scores.values()) >= 0.95, scores


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))

"""How many chunks a one-sentence edit changes, in real documents of each kind."""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from wellread.chunking import ChunkingSettings, chunk
from wellread.cleaning import CleaningSettings, clean
from wellread.documents import Chunk, CleanedDocument, Element, ParsedDocument
from wellread.identities import chunk_content_hash
from wellread.sentences import split_sentences

pytestmark = pytest.mark.corpora
DOCUMENTS = 30
MAX_CHANGED = 3


def paragraphs(text: str, page: int | None = None) -> list[Element]:
    return [Element("paragraph", part, page=page) for part in re.split(r"\n\s*\n", text) if part.strip()]


def prose(corpora: Path) -> Iterator[list[Element]]:
    for path in sorted((corpora / "covid-qa" / "docs").glob("*.txt")):
        yield paragraphs(path.read_text(encoding="utf-8"))


def contracts(corpora: Path) -> Iterator[list[Element]]:
    for path in sorted((corpora / "cuad-contracts" / "txt").iterdir()):
        yield paragraphs(path.read_text(encoding="utf-8", errors="replace"))


def wrapped(corpora: Path) -> Iterator[list[Element]]:
    pypdfium2 = pytest.importorskip("pypdfium2")
    for path in sorted((corpora / "cuad-contracts" / "pdf").glob("*.pdf")):
        pages = pypdfium2.PdfDocument(path)
        texts = [page.get_textpage().get_text_bounded().replace("\r", "") for page in pages]
        yield [element for number, text in enumerate(texts, 1) for element in paragraphs(text, number)]


def marked_up(corpora: Path) -> Iterator[list[Element]]:
    """PEPs: underlined headings, short paragraphs, lists and code, as in Markdown."""
    for path in sorted((corpora / "peps-revisions" / "v1").iterdir()):
        parts = re.split(r"^(\S.*)\n([=\-~^]{4,})\s*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        elements = paragraphs(parts[0])
        for title, mark, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            elements.append(Element("heading", title, level="=-~^".index(mark[0]) + 1))
            elements.extend(paragraphs(body))
        yield elements


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._skipping = 0
        self._kind = "paragraph"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._skipping += tag in {"script", "style"}
        self._kind = (
            "heading" if re.fullmatch("h[1-6]", tag) else "paragraph" if tag in {"p", "div"} else self._kind
        )

    def handle_endtag(self, tag: str) -> None:
        self._skipping -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._skipping and data.strip():
            self.elements.append(Element("heading" if self._kind == "heading" else "paragraph", data, level=2))


def web_pages(corpora: Path) -> Iterator[list[Element]]:
    for path in sorted((corpora / "web-pages").glob("*/*.html")):
        page = _Page()
        page.feed(path.read_text(encoding="utf-8", errors="replace"))
        yield page.elements


def tables(corpora: Path) -> Iterator[list[Element]]:
    """Long tables: the rows of ten annual-report tables each, below one header."""
    lines = (corpora / "tat-qa" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [" | ".join(row) for line in lines for row in json.loads(line)["table"] if any(row)]
    for number in range(DOCUMENTS):
        part = rows[number * 40 : number * 40 + 120]
        yield [Element("table", "\n".join(["item | this year | last year", *part]), header_rows=1)]


KINDS = {f.__name__: f for f in (prose, contracts, wrapped, marked_up, web_pages, tables)}


def cleaned_of(elements: list[Element]) -> CleanedDocument:
    return clean(ParsedDocument("text/plain", tuple(elements), title="A title"), CleaningSettings())


def cut(cleaned: CleanedDocument, previous: tuple[Chunk, ...] = ()) -> tuple[Chunk, ...]:
    settings = ChunkingSettings()
    return chunk(cleaned, settings, count_tokens=lambda text: len(text) // 4, max_tokens=256, previous=previous)


def hashes(chunks: tuple[Chunk, ...]) -> Counter[str]:
    return Counter(chunk_content_hash(c.embedding_input, c.text, c.headings, c.language) for c in chunks)


def sentence_parts(element: Element) -> list[str]:
    if element.kind == "table":
        return element.text.split("\n")
    return [element.text[start:end] for start, end in split_sentences(element.text)]


def edits(elements: list[Element]) -> Iterator[tuple[str, list[Element]]]:
    """The document with one sentence (or row) changed at the head, changed in the middle, removed, or added."""
    draw = random.Random(len(elements))
    places = [
        (index, sentence)
        for index, element in enumerate(elements)
        if element.kind != "heading"
        for sentence, part in enumerate(sentence_parts(element))
        # A sentence of several chunks' length takes them all with it when it goes.
        if sentence >= element.header_rows and len(part.split()) <= 120
    ]
    middle = places[len(places) // 2]
    for name, place in (
        ("edit", places[0]),
        ("insert", places[0]),
        ("edit", middle),
        ("insert", middle),
        ("remove", middle),
        ("remove", draw.choice(places)),
        ("edit", draw.choice(places)),
    ):
        yield name, edited(elements, *place, name)


def edited(elements: list[Element], index: int, sentence: int, name: str) -> list[Element]:
    parts = sentence_parts(elements[index])
    if name == "insert":
        parts.insert(sentence, "A new sentence of a few words was added here.")
    elif name == "edit":
        parts[sentence] += " Amended."
    else:
        del parts[sentence]
    joined = ("\n" if elements[index].kind == "table" else " ").join(parts)
    changed = [replace(elements[index], text=joined)] if parts else []
    return [*elements[:index], *changed, *elements[index + 1 :]]


@cache
def documents(corpora: Path, kind: str) -> list[list[Element]]:
    cleaned = (list(cleaned_of(elements).elements) for elements in KINDS[kind](corpora))
    return [elements for elements in cleaned if elements][:DOCUMENTS]


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_changes_at_most_three_chunks(corpora: Path, kind: str) -> None:
    for elements in documents(corpora, kind):
        before = cut(cleaned_of(elements))
        for name, changed in edits(elements):
            after = cut(cleaned_of(changed), previous=before)
            assert sum((hashes(after) - hashes(before)).values()) <= MAX_CHANGED, name
            assert sum((hashes(before) - hashes(after)).values()) <= MAX_CHANGED, name


@pytest.mark.parametrize("kind", KINDS)
def test_content_alone_keeps_nearly_all_edits_small(corpora: Path, kind: str) -> None:
    """Without the version before: no bound, but at most 6 edits in 100 change more than three chunks."""
    changes = []
    for elements in documents(corpora, kind):
        before = hashes(cut(cleaned_of(elements)))
        changes += [sum((hashes(cut(cleaned_of(new))) - before).values()) for _, new in edits(elements)]
    assert sum(count > MAX_CHANGED for count in changes) <= 0.06 * len(changes)


@pytest.mark.parametrize("kind", ["prose", "contracts", "wrapped"])
def test_chunks_of_prose_are_nearly_full(corpora: Path, kind: str) -> None:
    sizes = [len(part.text.split()) for e in documents(corpora, kind) for part in cut(cleaned_of(e))]
    assert max(sizes) <= 120
    assert sum(sizes) / len(sizes) >= 90


def test_strings_that_break_things_are_cut_and_lose_nothing(corpora: Path) -> None:
    strings = json.loads((corpora / "naughty-strings" / "blns.json").read_text(encoding="utf-8"))
    for text in [*strings, "\n\n".join(strings), " ".join(strings)]:
        cleaned = cleaned_of([Element("paragraph", text)])
        joined = "".join("".join(part.text.split()) for part in cut(cleaned))
        assert joined == "".join(cleaned.text.split())

"""Runs: stretches of a document whose atoms may share a chunk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from wellread.chunking.atoms import Atom, Span, cut_key, line_spans, sentence_spans
from wellread.chunking.settings import ChunkingSettings
from wellread.chunking.words import count_words
from wellread.documents import CleanedDocument, Element

ChunkKind = Literal["text", "table", "code"]


@dataclass(slots=True)
class Run:
    """Atoms in reading order, of one kind."""

    kind: ChunkKind
    atoms: list[Atom] = field(default_factory=list)
    header: str = ""
    """Of a table: its header lines, repeated before each part but the first."""


class _Outline:
    """The heading path while walking through a document."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []

    def enter(self, heading: Element) -> None:
        level = heading.level or 1
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        self._open.append((level, " ".join(heading.text.split())))

    def path(self) -> tuple[str, ...]:
        return tuple(text for _, text in self._open)


def build_runs(cleaned: CleanedDocument, settings: ChunkingSettings) -> list[Run]:
    """The document as runs: each table its own, long code its own, all else together between them."""
    runs: list[Run] = []
    outline = _Outline()
    prose = Run("text")
    for element, span in zip(cleaned.elements, cleaned.spans, strict=True):
        if element.kind == "heading":
            outline.enter(element)
        alone = _run_of_its_own(cleaned.text, element, span, outline.path(), settings)
        if alone is None:
            prose.atoms.extend(_prose_atoms(cleaned.text, element, span, outline.path(), settings))
            continue
        if prose.atoms:
            runs.append(prose)
            prose = Run("text")
        if alone.atoms:
            runs.append(alone)
    if prose.atoms:
        runs.append(prose)
    return runs


def _run_of_its_own(
    text: str, element: Element, span: Span, path: tuple[str, ...], settings: ChunkingSettings
) -> Run | None:
    if element.kind == "table":
        return _table_run(text, element, span, path, settings)
    if element.kind == "code" and count_words(text[slice(*span)]) > settings.inline_code_max_words:
        lines = line_spans(text, *span, max_words=settings.max_words)
        return Run("code", [_atom(text, line, element, path) for line in lines])
    return None


def _table_run(text: str, element: Element, span: Span, path: tuple[str, ...], settings: ChunkingSettings) -> Run:
    lines = element.text.split("\n")
    header = "\n".join(lines[: element.header_rows])
    header_end = span[0] + len(header)
    # A header that fills half of every chunk leaves no room for rows: it is then a row like the others.
    if not header or len(lines) <= element.header_rows or count_words(header) > settings.max_words // 2:
        header, header_end = "", span[0]
    run = Run("table", header=header)
    if header:
        run.atoms.append(Atom(span[0], header_end, 0, 0, page=element.page, headings=path, leads=True))
    room = settings.max_words - count_words(header) if header else settings.max_words
    run.atoms.extend(
        _atom(text, line, element, path) for line in line_spans(text, header_end, span[1], max_words=room)
    )
    return run


def _prose_atoms(
    text: str, element: Element, span: Span, path: tuple[str, ...], settings: ChunkingSettings
) -> list[Atom]:
    rank = 2 if element.kind in {"heading", "title"} else 1
    if element.kind == "code":
        return [_atom(text, span, element, path, rank=0)]
    spans = sentence_spans(text, *span, max_words=settings.max_words)
    leads = rank == 2
    return [
        _atom(text, part, element, path, rank=0 if index else rank, leads=leads) for index, part in enumerate(spans)
    ]


def _atom(
    text: str, span: Span, element: Element, path: tuple[str, ...], *, rank: int = 0, leads: bool = False
) -> Atom:
    words = count_words(text[span[0] : span[1]])
    return Atom(
        span[0], span[1], words, cut_key(text, span[0]), rank=rank, page=element.page, headings=path, leads=leads
    )

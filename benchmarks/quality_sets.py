"""The public question sets as folders of files and golden questions.

Contracts stay the PDFs that they are; the other sets become one file a document: papers as plain text, the rest
as HTML with a title and, for annual reports, a real table.
"""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellread.evaluation.gold import GoldPassage, GoldQuestion, Half, half_of

SETS = ("cuad", "covid", "clapnq", "tat-qa", "xquad")
Row = dict[str, Any]


@dataclass(frozen=True)
class QualitySet:
    """One set, ready to be ingested and asked."""

    name: str
    folder: Path
    questions: tuple[GoldQuestion, ...]

    def half(self, half: Half) -> tuple[GoldQuestion, ...]:
        """The development or the test questions. Translations of one question fall into one half."""
        return tuple(question for question in self.questions if half_of(_split_id(self.name, question.id)) == half)


def prepare(name: str, corpora: Path, home: Path) -> QualitySet:
    """Write the documents of a set below ``home`` and read its questions."""
    folder = home / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write, questions = _RECIPES[name]
    write(corpora, folder)
    return QualitySet(name, folder, tuple(_gold(name, row) for row in _rows(corpora / questions)))


def _split_id(name: str, question_id: str) -> str:
    return question_id.rsplit("-", 1)[0] if name == "xquad" else question_id


def _rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _gold(name: str, row: Row) -> GoldQuestion:
    suffix = "" if name in {"cuad", "covid"} else ".html"
    relevant = (GoldPassage(found["doc"] + suffix, found.get("passage")) for found in row.get("relevant", ()))
    answers = tuple(str(answer) for answer in row.get("answers", ()))
    return GoldQuestion(row["id"], row["question"], tuple(relevant), answers, row.get("answerable"))


def _write_contracts(corpora: Path, folder: Path) -> None:
    for row in _rows(corpora / "cuad-contracts/documents.jsonl"):
        shutil.copyfile(corpora / "cuad-contracts/pdf" / row["doc"], folder / row["doc"])


def _write_papers(corpora: Path, folder: Path) -> None:
    for path in (corpora / "covid-qa/docs").iterdir():
        shutil.copyfile(path, folder / path.name)


def _write_pages(corpus: str) -> Callable[[Path, Path], None]:
    def write(corpora: Path, folder: Path) -> None:
        for row in _rows(corpora / corpus):
            _write_page(folder, row["id"], row["title"], [_paragraph(row["text"])])

    return write


def _write_reports(corpora: Path, folder: Path) -> None:
    for row in _rows(corpora / "tat-qa/corpus.jsonl"):
        _write_page(folder, row["id"], "", [*map(_paragraph, row["paragraphs"]), _table(row["table"])])


def _write_page(folder: Path, name: str, title: str, parts: Iterable[str]) -> None:
    head = f"<title>{html.escape(title)}</title>" if title else ""
    heading = f"<h1>{html.escape(title)}</h1>\n" if title else ""
    body = heading + "\n".join(parts)
    page = f'<!DOCTYPE html>\n<html><head><meta charset="utf-8">{head}</head>\n<body>\n{body}\n</body></html>\n'
    (folder / f"{name}.html").write_text(page, encoding="utf-8")


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _table(rows: list[list[str]]) -> str:
    lines = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows)
    return "<table>\n" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "\n</table>"


_RECIPES: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "cuad": (_write_contracts, "cuad-contracts/questions.jsonl"),
    "covid": (_write_papers, "covid-qa/questions.jsonl"),
    "clapnq": (_write_pages("clapnq/corpus.jsonl"), "clapnq/questions.jsonl"),
    "tat-qa": (_write_reports, "tat-qa/questions.jsonl"),
    "xquad": (_write_pages("xquad/corpus.en.jsonl"), "xquad/questions.en.jsonl"),
}

"""The public question sets as folders of files and golden questions.

Contracts stay the PDFs that they are; the other sets become one file a document: papers as plain text, the rest
as HTML with a title and, for annual reports, a real table.

XQuAD is one set of paragraphs and questions in six languages, and gives many: ``xquad-de`` asks German questions of
German paragraphs, ``xquad-de-en`` German ones of English paragraphs, ``xquad-pooled`` all questions of all
paragraphs, where a paragraph's translations are as good as itself. ``xquad`` is the English one.
"""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wellread.evaluation.gold import GoldPassage, GoldQuestion, Half, half_of

LANGUAGES = ("en", "de", "ru", "zh", "ar", "hi")
MONOLINGUAL = tuple(f"xquad-{language}" for language in LANGUAGES[1:])
CROSS_LINGUAL = tuple(f"xquad-{language}-en" for language in LANGUAGES[1:])
POOLED = "xquad-pooled"
SETS = ("cuad", "covid", "clapnq", "tat-qa", "xquad", *MONOLINGUAL, *CROSS_LINGUAL, POOLED)
Row = dict[str, Any]


@dataclass(frozen=True)
class QualitySet:
    """One set, ready to be ingested and asked."""

    name: str
    corpus: str
    """Sets of one corpus share its documents."""
    folder: Path
    questions: tuple[GoldQuestion, ...]

    def half(self, half: Half) -> tuple[GoldQuestion, ...]:
        """The development or the test questions. Translations of one question fall into one half."""
        return tuple(question for question in self.questions if half_of(_split_id(self.name, question.id)) == half)


def prepare(name: str, corpora: Path, home: Path) -> QualitySet:
    """Write the documents of a set below ``home`` and read its questions."""
    corpus, write, questions = _RECIPES[name]
    folder = home / corpus
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write(corpora, folder)
    return QualitySet(name, corpus, folder, tuple(questions(corpora)))


def _split_id(name: str, question_id: str) -> str:
    return question_id.rsplit("-", 1)[0] if name.startswith("xquad") else question_id


def _rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _asked(file: str, *, suffix: str = "") -> Callable[[Path], Iterator[GoldQuestion]]:
    """The questions of a file; ``suffix`` is what the names of its documents lack."""

    def read(corpora: Path) -> Iterator[GoldQuestion]:
        for row in _rows(corpora / file):
            found = row.get("relevant", ())
            relevant = tuple(GoldPassage(one["doc"] + suffix, one.get("passage")) for one in found)
            answers = tuple(str(answer) for answer in row.get("answers", ()))
            yield GoldQuestion(row["id"], row["question"], relevant, answers, row.get("answerable"))

    return read


def _translated(language: str) -> Callable[[Path], Iterator[GoldQuestion]]:
    """Questions of a language with the passages and answers of their English originals."""

    def read(corpora: Path) -> Iterator[GoldQuestion]:
        originals = {_split_id("xquad", one.id): one for one in _asked_in("en")(corpora)}
        for one in _asked_in(language)(corpora):
            original = originals[_split_id("xquad", one.id)]
            yield replace(one, relevant=original.relevant, answers=original.answers)

    return read


def _asked_in(language: str) -> Callable[[Path], Iterator[GoldQuestion]]:
    return _asked(f"xquad/questions.{language}.jsonl", suffix=".html")


def _pooled(corpora: Path) -> Iterator[GoldQuestion]:
    """Questions of every language, each with its passages in all of them."""
    asked = {language: list(_asked_in(language)(corpora)) for language in LANGUAGES}
    passages: dict[str, list[GoldPassage]] = {}
    for language, questions in asked.items():
        for one in questions:
            found = [replace(passage, document=f"{language}/{passage.document}") for passage in one.relevant]
            passages.setdefault(_split_id(POOLED, one.id), []).extend(found)
    for questions in asked.values():
        for one in questions:
            yield replace(one, relevant=tuple(passages[_split_id(POOLED, one.id)]))


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


def _write_pool(corpora: Path, folder: Path) -> None:
    for language in LANGUAGES:
        (folder / language).mkdir()
        _write_pages(f"xquad/corpus.{language}.jsonl")(corpora, folder / language)


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


_Recipe = tuple[str, Callable[[Path, Path], None], Callable[[Path], Iterator[GoldQuestion]]]
_RECIPES: dict[str, _Recipe] = {
    "cuad": ("cuad", _write_contracts, _asked("cuad-contracts/questions.jsonl")),
    "covid": ("covid", _write_papers, _asked("covid-qa/questions.jsonl")),
    "clapnq": ("clapnq", _write_pages("clapnq/corpus.jsonl"), _asked("clapnq/questions.jsonl", suffix=".html")),
    "tat-qa": ("tat-qa", _write_reports, _asked("tat-qa/questions.jsonl", suffix=".html")),
    "xquad": ("xquad", _write_pages("xquad/corpus.en.jsonl"), _asked_in("en")),
    POOLED: (POOLED, _write_pool, _pooled),
}
for _language, _alone, _crossed in zip(LANGUAGES[1:], MONOLINGUAL, CROSS_LINGUAL, strict=True):
    _RECIPES[_alone] = (_alone, _write_pages(f"xquad/corpus.{_language}.jsonl"), _asked_in(_language))
    _RECIPES[_crossed] = ("xquad", _write_pages("xquad/corpus.en.jsonl"), _translated(_language))

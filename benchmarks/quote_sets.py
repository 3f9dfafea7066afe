"""A labelled set of quotes from public documents: true, altered and invented, the same in every run.

Passages are the chunks that Wellread makes of the documents. All quotes of one document fall into one half, so
that thresholds chosen on the development half have never seen what the test half asks.
"""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.quote_alterations import ALTERED, NAME, Alter, Surroundings
from benchmarks.quote_differences import HARMLESS, NOISE, SLIPS, Differ

from wellread.chunking.chunker import chunk
from wellread.chunking.settings import ChunkingSettings
from wellread.chunking.words import count_words
from wellread.cleaning.cleaner import clean
from wellread.cleaning.settings import CleaningSettings
from wellread.documents import Element, ParsedDocument
from wellread.evaluation.gold import Half, half_of
from wellread.sentences import split_sentences

SEED = 20261125
_WORD = re.compile(r"[^\W\d_]+")
_LANGUAGES = ("en", "de", "ru", "zh", "ar", "hi")
Document = tuple[str, str, list[str]]
"""(source, document, paragraphs)"""


@dataclass(frozen=True)
class LabelledQuote:
    """A quote, the passage that it is said to stand in, and the truth."""

    id: str
    family: str
    """Such as ``number altered``."""
    kind: str
    """Such as ``zero added``."""
    source: str
    quote: str
    passage: str
    supported: bool
    half: Half


@dataclass(frozen=True)
class Sentence:
    """A whole sentence of a passage."""

    source: str
    document: str
    passage: str
    text: str


def read_documents(corpora: Path, *, most_documents: int = 40) -> list[Document]:
    """Documents of the public sets as paragraphs, at most so many of each set."""
    found: list[Document] = []
    for source, documents in (
        ("cuad-contracts", _text_files(corpora / "cuad-contracts/txt")),
        ("covid-qa", _text_files(corpora / "covid-qa/docs")),
        ("qmsum", _text_files(corpora / "qmsum/docs")),
        ("clapnq", _rows(corpora / "clapnq/corpus.jsonl", lambda row: [row["text"]])),
        ("pubmedqa", _rows(corpora / "pubmedqa/corpus.jsonl", lambda row: row["text"].split("\n"))),
        ("tat-qa", _rows(corpora / "tat-qa/corpus.jsonl", lambda row: row["paragraphs"])),
        *((f"xquad-{name}", _xquad(corpora / f"xquad/corpus.{name}.jsonl")) for name in _LANGUAGES),
    ):
        chosen = [one for number, one in enumerate(documents) if number < most_documents]
        found += [(source, name, paragraphs) for name, paragraphs in chosen]
    return found


def _text_files(folder: Path) -> Iterator[tuple[str, list[str]]]:
    for path in sorted(folder.iterdir()):
        paragraphs = re.split(r"\n\s*\n", path.read_text("utf-8")[:60_000])
        yield path.name, [one for one in paragraphs if one.strip()]


def _rows(path: Path, paragraphs: Callable[[dict[str, Any]], list[str]]) -> Iterator[tuple[str, list[str]]]:
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        yield str(row["id"]), paragraphs(row)


def _xquad(path: Path) -> Iterator[tuple[str, list[str]]]:
    """One document an article."""
    articles: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        articles[row["title"]].append(row["text"])
    yield from articles.items()


def passages_of(paragraphs: Sequence[str]) -> list[str]:
    """The chunks that Wellread makes of these paragraphs with its default settings."""
    parsed = ParsedDocument("text/plain", tuple(Element("paragraph", text) for text in paragraphs))
    cleaned = clean(parsed, CleaningSettings())
    return [made.text for made in chunk(cleaned, ChunkingSettings(), count_tokens=count_words, max_tokens=4096)]


def sentences_of(documents: Sequence[Document]) -> list[Sentence]:
    """Whole sentences of 40 to 300 characters (15 to 120 in Chinese)."""
    found: list[Sentence] = []
    for source, document, paragraphs in documents:
        short, long = (15, 120) if source.endswith("-zh") else (40, 300)
        for passage in passages_of(paragraphs):
            spans = split_sentences(passage)
            texts = [passage[start:end] for start, end in spans if short <= end - start <= long]
            found += [Sentence(source, document, passage, text) for text in texts]
    return found


class QuoteSet:
    """Makes labelled quotes from sentences: ``count`` of each kind, as far as the documents have them."""

    def __init__(
        self,
        sentences: Sequence[Sentence],
        told: Mapping[tuple[str, str], list[str]],
        *,
        count: int,
        seed: int = SEED,
    ) -> None:
        self._told = told
        self._count = count
        self._seed = seed
        self._sentences = list(sentences)
        self._words = frozenset(word.casefold() for one in sentences for word in _WORD.findall(one.text))
        self._of_passage: dict[str, list[str]] = defaultdict(list)
        self._of_document: dict[tuple[str, str], list[Sentence]] = defaultdict(list)
        self._of_source: dict[str, list[Sentence]] = defaultdict(list)
        names: dict[str, dict[str, None]] = defaultdict(dict)
        for one in sentences:
            self._of_passage[one.passage].append(one.text)
            self._of_document[one.source, one.document].append(one)
            self._of_source[one.source].append(one)
            names[one.source].update(dict.fromkeys(found.group() for found in NAME.finditer(one.text)))
        self._names = {source: sorted(found) for source, found in names.items()}

    def build(self) -> list[LabelledQuote]:
        """All families, in order."""
        quotes = self._kind("true, exact", "sentence", lambda one, _: (one.text, one.passage), supported=True)
        quotes += self._kind("true, exact", "part of a sentence", _part, supported=True)
        for family, differs in (("true, harmless differences", HARMLESS), ("true, recognition noise", NOISE)):
            for kind, differ in differs.items():
                quotes += self._kind(family, kind, partial(self._differing, differ), supported=True)
        for family, alters in ALTERED.items():
            for kind, alter in alters.items():
                quotes += self._kind(family, kind, partial(self._altered, alter), supported=False)
        quotes += self._kind("invented", "retold", self._retold, supported=False)
        return quotes

    def build_slips(self) -> list[LabelledQuote]:
        """Quotes with slips of the pen: what is beyond the check, and not in its figures."""
        return [
            quote
            for kind, differ in SLIPS.items()
            for quote in self._kind("slips", kind, partial(self._differing, differ), supported=True)
        ]

    def _retold(self, one: Sentence, draw: random.Random) -> tuple[str, str] | None:
        """What a person wrote about the document of this sentence."""
        told = self._told.get((one.source, one.document), [])
        return (draw.choice(told), one.passage) if told else None

    def _kind(self, family: str, kind: str, make: Make, *, supported: bool) -> list[LabelledQuote]:
        """Takes sentences of all sets in turn, so that no large set crowds out the others."""
        draw = random.Random(f"{self._seed} {family} {kind}")
        made: list[LabelledQuote] = []
        for one in self._in_turns(draw):
            if len(made) == self._count:
                break
            result = make(one, draw)
            if result is None:
                continue
            quote, passage = result
            name = f"{family}/{kind}/{len(made)}"
            half = half_of(f"{one.source}/{one.document}")
            made.append(LabelledQuote(name, family, kind, one.source, quote, passage, supported, half))
        return made

    def _in_turns(self, draw: random.Random) -> Iterator[Sentence]:
        queues = [draw.sample(found, len(found)) for _, found in sorted(self._of_source.items())]
        while queues:
            for queue in queues:
                yield queue.pop()
            queues = [queue for queue in queues if queue]

    def _differing(self, differ: Differ, one: Sentence, draw: random.Random) -> tuple[str, str] | None:
        """The quote differs from the document, or the document from a quote that was tidied up."""
        other = differ(one.text, draw, self._words)
        if other is None or other == one.text:
            return None
        if draw.random() < 0.5:
            return other, one.passage
        return one.text, one.passage.replace(one.text, other, 1)

    def _altered(self, alter: Alter, one: Sentence, draw: random.Random) -> tuple[str, str] | None:
        other = alter(one.text, self._surroundings(one, draw))
        if other is None or _plain(other) in _plain(one.passage):
            return None
        return other, one.passage

    def _surroundings(self, one: Sentence, draw: random.Random) -> Surroundings:
        family = self._of_document[one.source, one.document]
        others = draw.sample(self._of_source[one.source], min(20, len(self._of_source[one.source])))
        return Surroundings(
            draw=draw,
            passage=one.passage,
            names=self._names[one.source],
            neighbours=[text for text in self._of_passage[one.passage] if text != one.text],
            cousins=[cousin.text for cousin in family if cousin.passage != one.passage],
            strangers=[other.text for other in others if other.document != one.document],
        )


Make = Callable[[Sentence, random.Random], "tuple[str, str] | None"]


def _part(one: Sentence, draw: random.Random) -> tuple[str, str] | None:
    words = one.text.split(" ")
    if len(words) < 8:
        cut = draw.randint(0, len(one.text) // 3)
        return (one.text[cut:], one.passage) if one.source.endswith("-zh") and not one.text[cut].isascii() else None
    length = draw.randint(5, len(words) - 2)
    start = draw.randint(0, len(words) - length)
    part = " ".join(words[start : start + length])
    return (part, one.passage) if any(character.isalnum() for character in part) else None


def _plain(text: str) -> str:
    """Letters, digits and signs that carry a fact: what must differ for a quote to be untrue."""
    return re.sub(r"[^\w%$\u20ac\u00a3-]", "", text.casefold())


def read_retold(corpora: Path) -> dict[tuple[str, str], list[str]]:
    """Sentences that people wrote about documents: summaries of meetings, conclusions about abstracts."""
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for source in ("qmsum", "pubmedqa"):
        for line in (corpora / source / "questions.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            for answer in [row["long_answer"]] if "long_answer" in row else row["answers"]:
                sentences = [answer[start:end] for start, end in split_sentences(answer) if end - start >= 40]
                for found in row.get("relevant", ()):
                    told[source, found["doc"]] += sentences
    return told


def quote_set(corpora: Path, *, count: int = 120, most_documents: int = 40) -> QuoteSet:
    """The maker of the labelled set over the public documents; its ``build`` takes some ten seconds."""
    sentences = sentences_of(read_documents(corpora, most_documents=most_documents))
    return QuoteSet(sentences, read_retold(corpora), count=count)


def count_by(quotes: Sequence[LabelledQuote], key: Callable[[LabelledQuote], str]) -> Mapping[str, int]:
    """How many quotes of each."""
    counts: dict[str, int] = defaultdict(int)
    for one in quotes:
        counts[key(one)] += 1
    return dict(counts)

"""The documents that every contestant keeps in its index, and what is done to them.

Seeded, so the same numbers give the same bytes. Half is Markdown, a quarter clean text, a quarter hard-wrapped.
The first twenty are ten pairs ``guide-N.md`` and ``guide-N-appendix.md``: one name holds all words of the other.
"""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.synthetic import Words

PAIRS_COUNT = 10
SIDECAR = ".wellread.yaml"
POISON = "Zzpoison"
"""The word for which the embedding server refuses a text, in the workload that asks for it."""
_PARAGRAPH_WORDS = (40, 90, 140)
_AGE_SECONDS = 7_200.0


def write_corpus(folder: Path, count: int, *, seed: int = 11) -> None:
    """Write ``count`` documents of about 800 words, two hours old."""
    words = Words(seed)
    for number in range(count):
        path = folder / _name_of(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_text_of(number, words), encoding="utf-8")
        _date(path, _AGE_SECONDS)


def documents(folder: Path) -> list[str]:
    """The names of all documents, sorted; side-cars are none."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(SIDECAR))
    return sorted(path.relative_to(folder).as_posix() for path in found)


def edit(folder: Path, names: Sequence[str], change: Callable[[str, str], str]) -> None:
    """Rewrite documents; ``change`` takes name and text. They are ten minutes old afterwards."""
    for name in names:
        path = folder / name
        path.write_text(change(name, path.read_text(encoding="utf-8")), encoding="utf-8")
        _date(path, 600.0)


def sentence_in_the_middle(name: str, text: str) -> str:
    """One new sentence after the sentence that ends nearest after the middle."""
    place = text.find(". ", len(text) // 2) + 1
    return f"{text[:place]} An inserted sentence about {name} that nobody had seen before.{text[place:]}"


def sentence_at_the_head(name: str, text: str) -> str:
    """One new sentence before everything else (after the title, where there is one)."""
    title, blank, rest = text.partition("\n\n") if text.startswith("#") else ("", "", text)
    return f"{title}{blank}A first sentence about {name} that nobody had seen before. {rest}"


def poisoned(name: str, text: str) -> str:
    """A word in the middle that the embedding server is told to refuse."""
    place = text.find(". ", len(text) // 2) + 1
    return f"{text[:place]} {POISON} stands in {name}.{text[place:]}"


def rewritten(name: str, text: str) -> str:
    """Another text altogether."""
    return "\n\n".join(Words(len(name) + len(text)).text(100) for _ in range(8)) + "\n"


def set_owner(folder: Path, names: Sequence[str], owner: str) -> None:
    """Give documents metadata of their own, in the side-car beside each."""
    for name in names:
        path = folder / f"{name}{SIDECAR}"
        path.write_text(f"metadata: {{owner: {owner}}}\n", encoding="utf-8")
        _date(path, 600.0)


def owner_of(folder: Path, name: str) -> str:
    """What :func:`set_owner` wrote; empty where it did not."""
    path = folder / f"{name}{SIDECAR}"
    if not path.is_file():
        return ""
    return path.read_text(encoding="utf-8").partition("owner: ")[2].partition("}")[0]


def spread(names: Sequence[str], count: int) -> list[str]:
    """``count`` names at even distances, the pairs left out."""
    others = [name for name in names if not name.startswith("guide-")]
    return [others[index * len(others) // count] for index in range(count)]


def _name_of(number: int) -> str:
    if number < 2 * PAIRS_COUNT:
        return f"guide-{number // 2}{'-appendix' if number % 2 else ''}.md"
    return f"folder-{number % 10}/report-{number:04}{'.md' if number % 4 < 2 else '.txt'}"


def _text_of(number: int, words: Words) -> str:
    paragraphs = [words.text(_PARAGRAPH_WORDS[index % 3]) for index in range(9)]
    if number < 2 * PAIRS_COUNT or number % 4 < 2:
        parts = [f"# {words.text(5)}"]
        for index, paragraph in enumerate(paragraphs):
            parts += [f"## {words.text(4)}"] if index % 4 == 0 else []
            parts.append(paragraph)
        return "\n\n".join(parts) + "\n"
    if number % 4 == 2:
        return "\n\n".join(paragraphs) + "\n"
    return "\n\n".join(textwrap.fill(paragraph, 78) for paragraph in paragraphs) + "\n"


def _date(path: Path, age_seconds: float) -> None:
    then = time.time() - age_seconds
    os.utime(path, (then, then))

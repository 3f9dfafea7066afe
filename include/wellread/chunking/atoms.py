"""The smallest parts that chunks are made of: sentences, table rows, lines of code."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from wellread.chunking.words import count_words
from wellread.sentences import split_sentences

Span = tuple[int, int]

_CLAUSE_END = re.compile(r"[;:,，、；：،؛](?=\s)\s*|[，、；：]|\s[-–—]\s")
_PIECE = re.compile(r"\S{1,32}\s*")
_KEY_CHARS = 40
_WINDOW_PIECES = 6
_PIECES_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Atom:
    """A part that is never cut (unless it alone is longer than a chunk may be)."""

    start_char: int
    """Inclusive, over ``CleanedDocument.text``."""
    end_char: int
    """Exclusive; no white space at either end."""
    words: int
    key: int
    """Hash of its beginning, from which the reward of a cut before it is drawn."""
    rank: int = 0
    """How good a place its beginning is for a cut: 0 inside a paragraph, 1 a paragraph, 2 a heading."""
    page: int | None = None
    headings: tuple[str, ...] = ()
    leads: bool = False
    """A heading or table header: it stays with what follows."""


def cut_key(text: str, start: int) -> int:
    """A hash (32 bits) of the line that begins at ``start``: equal beginnings have equal keys in every version.

    Only the first characters count, so most edits leave every key as it is.
    """
    beginning = text[start : start + _KEY_CHARS].partition("\n")[0]
    mixed = zlib.crc32(beginning.encode("utf-8", "surrogatepass"))
    return (mixed * 0x9E3779B1 + 0x7F4A7C15) & 0xFFFFFFFF


def sentence_spans(text: str, start: int, end: int, *, max_words: int) -> Iterator[Span]:
    """Sentences of ``text[start:end]``; one that is longer than ``max_words`` comes in pieces."""
    for left, right in split_sentences(text[start:end]):
        yield from _fit(text, (start + left, start + right), max_words=max_words)


def line_spans(text: str, start: int, end: int, *, max_words: int) -> Iterator[Span]:
    """Non-empty lines of ``text[start:end]``; one that is longer than ``max_words`` comes in pieces."""
    position = start
    for line in text[start:end].split("\n"):
        left, right = _trim(text, position, position + len(line))
        position += len(line) + 1
        if right > left:
            yield from _fit(text, (left, right), max_words=max_words)


def halves(text: str, span: Span) -> tuple[Span, Span] | None:
    """``span`` in two parts, at the white space nearest to its middle, else in the middle; None below 2 chars."""
    start, end = span
    if end - start < 2:
        return None
    middle = (start + end) // 2
    left, right = text.rfind(" ", start, middle), text.find(" ", middle, end)
    near = [place for place in (left, right) if place > start]
    cut = min(near, key=lambda place: abs(place - middle)) if near else middle
    first, second = _trim(text, start, cut), _trim(text, cut, end)
    return (first, second) if first[1] > first[0] and second[1] > second[0] else ((start, middle), (middle, end))


def _trim(text: str, start: int, end: int) -> Span:
    while end > start and text[end - 1].isspace():
        end -= 1
    while start < end and text[start].isspace():
        start += 1
    return start, end


def _fit(text: str, span: Span, *, max_words: int) -> Iterator[Span]:
    start, end = span
    if count_words(text[start:end]) <= max_words:
        yield span
        return
    for left, right in _clauses(text, start, end):
        if count_words(text[left:right]) <= max_words // 3:
            yield left, right
        else:
            yield from _pieces(text, left, right)


def _clauses(text: str, start: int, end: int) -> Iterator[Span]:
    position = start
    for match in _CLAUSE_END.finditer(text, start, end):
        left, right = _trim(text, position, match.end())
        if right > left:
            yield left, right
        position = match.end()
    left, right = _trim(text, position, end)
    if right > left:
        yield left, right


def _pieces(text: str, start: int, end: int) -> Iterator[Span]:
    """Cuts a text without any mark where the hash of a word is the smallest of its neighbourhood."""
    pieces = [(match.start(), match.end()) for match in _PIECE.finditer(text, start, end)]
    keys = [zlib.crc32(text[left:right].encode("utf-8", "surrogatepass")) for left, right in pieces]
    first = 0
    for index in range(1, len(pieces)):
        around = keys[max(0, index - _WINDOW_PIECES) : index + _WINDOW_PIECES + 1]
        local_minimum = keys[index] == min(around) and around.count(keys[index]) == 1
        if local_minimum or index - first >= _PIECES_AT_MOST:
            yield _trim(text, pieces[first][0], pieces[index - 1][1])
            first = index
    if pieces:
        yield _trim(text, pieces[first][0], pieces[-1][1])

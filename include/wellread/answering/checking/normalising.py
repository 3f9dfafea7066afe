"""Text as it is compared: one spelling for what looks the same, with the way back to the original offsets."""

from __future__ import annotations

import bisect
import functools
import re
import unicodedata
from dataclasses import dataclass

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
"""Characters that a reader does not see: soft hyphen, zero width, direction marks, variation selectors, tags."""

_SAME = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2035\u0060\u00b4\u02bc", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043", "-"),
    }
)

_NO_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff]"
)
"""Scripts whose words are not parted by spaces (Thai to Khmer, Chinese, Japanese; Korean particles)."""


_PARTS = re.compile(r"(?P<ascii>[\x00-\x7f]+(?![^\x00-\x7f]))|(?P<other>[\x00-\x7f]?[^\x00-\x7f]+)")
"""ASCII, which is folded at once, and the rest with the character before it: it may begin with a combining mark."""
_UNSPACED = re.compile(r"\S+")
_NEGATING = re.compile(r"(?<![^\W_])(?:non|un|anti)[-\u2010\u2011]\Z", re.IGNORECASE)
_MINUS = re.compile(r"(?<![^\W_])[-\u2212]\Z")


@dataclass(frozen=True, slots=True)
class NormalisedText:
    """A text in its compared form, with the original span of every character."""

    text: str
    starts: tuple[int, ...]
    """For each character of ``text`` where its original begins."""
    ends: tuple[int, ...]
    """For each character of ``text`` where its original ends (exclusive)."""

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """The span in the original that became ``text[start:end]``. Raises ``IndexError`` for an empty span."""
        return self.starts[start], self.ends[end - 1]

    def position_of(self, original: int) -> int:
        """The first place in ``text`` whose original begins at or after this offset."""
        return bisect.bisect_left(self.starts, original)


@functools.lru_cache(maxsize=128)
def normalise(text: str) -> NormalisedText:
    """NFKC, case folded, quotes and dashes unified, invisible characters gone, white space runs to one space.

    Linear in the length of the text; remembered, because one passage is asked for many quotes.
    """
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for part in _PARTS.finditer(text):
        first, last = part.span()
        if part.lastgroup == "ascii":
            pieces.append(part.group().lower().translate(_SAME))
            starts.extend(range(first, last))
            ends.extend(range(first + 1, last + 1))
            continue
        for start, end in _clusters(text, first, last):
            folded = _folded(text[start:end])
            pieces.append(folded)
            starts.extend([start] * len(folded))
            ends.extend([end] * len(folded))
    return _one_space("".join(pieces), starts, ends)


def _one_space(text: str, starts: list[int], ends: list[int]) -> NormalisedText:
    """White space runs to one space, none at the ends."""
    kept_text: list[str] = []
    kept_starts: list[int] = []
    kept_ends: list[int] = []
    space = 0
    for word in _UNSPACED.finditer(text):
        first, last = word.span()
        if kept_text:
            kept_text.append(" ")
            kept_starts.append(starts[space])
            kept_ends.append(ends[space])
        kept_text.append(word.group())
        kept_starts += starts[first:last]
        kept_ends += ends[first:last]
        space = last
    return NormalisedText("".join(kept_text), tuple(kept_starts), tuple(kept_ends))


@functools.lru_cache(maxsize=10_000)
def _folded(cluster: str) -> str:
    visible = unicodedata.normalize("NFKC", INVISIBLE.sub("", cluster))
    return unicodedata.normalize("NFKC", visible.casefold().translate(_SAME))


def _clusters(text: str, first: int, last: int) -> list[tuple[int, int]]:
    """Spans of one character with the combining marks that follow it: what NFKC may melt into one."""
    spans: list[tuple[int, int]] = []
    for index in range(first, last):
        character = text[index]
        if character < "\u0300":
            spans.append((index, index + 1))
        elif spans and (unicodedata.combining(character) or "\u1160" <= character <= "\u11ff"):
            spans[-1] = (spans[-1][0], index + 1)
        else:
            spans.append((index, index + 1))
    return spans


def cuts_word(text: str, position: int) -> bool:
    """Whether an edge at ``position`` would part a word or a number in two, or take its negation or minus away."""
    if position <= 0 or position >= len(text):
        return False
    before, after = text[position - 1], text[position]
    if _parts_number(text, position) or _turns_meaning(text, position):
        return True
    if _is_mark(after):
        return True
    both_words = (before.isalnum() or _is_mark(before)) and after.isalnum()
    return both_words and not _NO_SPACES.match(before) and not _NO_SPACES.match(after)


def _is_mark(character: str) -> bool:
    """An accent, a vowel sign or another mark that belongs to the letter before it."""
    return character >= "\u0300" and unicodedata.category(character).startswith("M")


def _parts_number(text: str, position: int) -> bool:
    before, after = text[position - 1], text[position]
    if before.isdigit() and after.isdigit():
        return True
    if before in ".," and after.isdigit():
        return position >= 2 and text[position - 2].isdigit()
    if after in ".," and before.isdigit():
        return position + 1 < len(text) and text[position + 1].isdigit()
    return False


def _turns_meaning(text: str, position: int) -> bool:
    """Whether what follows says the contrary without what stands before it: ``non-`` or a minus."""
    before, after = text[max(0, position - 6) : position], text[position]
    return (after.isalpha() and bool(_NEGATING.search(before))) or (after.isdigit() and bool(_MINUS.search(before)))


def strip_invisible(text: str) -> str:
    """The text without characters that a reader does not see: they hide instructions from people."""
    return INVISIBLE.sub("", text)

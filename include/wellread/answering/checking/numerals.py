"""Numbers by value, where the value is sure.

``1,000`` and ``1000``, ``1,000.50`` and ``1.000,50`` are equal; so are digits of all scripts, and English numerals
below a thousand (``thirty``, ``two hundred and five``); ``percent`` is ``%``. What could be two numbers stays as
it is written: ``1.000`` is neither 1 nor 1000, ``3.10`` is not ``3.1`` (versions), ``1,5`` not ``1.5`` (lists).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_ENGLISH_GROUPS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_CONTINENTAL_GROUPS = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}")
_SEPARATORS = str.maketrans({"\u066b": ".", "\u066c": ","})
_BELOW_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_UNITS = {word: value for value, word in enumerate(_BELOW_TWENTY.split())}
_TENS_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = {word: 10 * value for value, word in enumerate(_TENS_WORDS.split(), start=2)}


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number or a sign, with its span in the normalised text."""

    kind: Literal["word", "number", "sign"]
    text: str
    """A word as it is written, a number by value, a sign as one character."""
    start: int
    end: int


def value_of(number: str) -> str:
    """A number in digits of any script in one spelling."""
    plain = "".join(str(int(part)) if part.isdecimal() else part for part in number).translate(_SEPARATORS)
    if _ENGLISH_GROUPS.fullmatch(plain):
        return plain.replace(",", "")
    if _CONTINENTAL_GROUPS.fullmatch(plain):
        return plain.replace(".", "").replace(",", ".")
    return plain


def merge_numerals(tokens: Sequence[Token]) -> list[Token]:
    """The tokens with numerals as numbers and ``percent`` and ``per cent`` as the sign."""
    merged: list[Token] = []
    place = 0
    while place < len(tokens):
        token, taken = _merged(tokens, place)
        merged.append(token)
        place += taken
    return merged


def _merged(tokens: Sequence[Token], place: int) -> tuple[Token, int]:
    first = tokens[place]
    words = [token.text if token.kind == "word" else "" for token in tokens[place : place + 5]]
    if words[0] == "percent":
        return Token("sign", "%", first.start, first.end), 1
    if words[:2] == ["per", "cent"]:
        return Token("sign", "%", first.start, tokens[place + 1].end), 2
    value, taken = _numeral(words)
    if value is None:
        return first, 1
    return Token("number", str(value), first.start, tokens[place + taken - 1].end), taken


def _numeral(words: Sequence[str]) -> tuple[int | None, int]:
    """The value of the numeral at the head of the words, and of how many words it is made."""
    value, taken = _below_hundred(words)
    if value is None or not 1 <= value <= 9 or words[taken : taken + 1] != ["hundred"]:
        return value, taken
    value, taken = value * 100, taken + 1
    joined = 1 if words[taken : taken + 1] == ["and"] else 0
    rest, rest_taken = _below_hundred(words[taken + joined :])
    if not rest:
        return value, taken
    return value + rest, taken + joined + rest_taken


def _below_hundred(words: Sequence[str]) -> tuple[int | None, int]:
    first = words[0] if words else ""
    if first in _UNITS:
        return _UNITS[first], 1
    if first not in _TENS:
        return None, 0
    unit = _UNITS.get(words[1], 0) if len(words) > 1 else 0
    return (_TENS[first] + unit, 2) if 1 <= unit <= 9 else (_TENS[first], 1)

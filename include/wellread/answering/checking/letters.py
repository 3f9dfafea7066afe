"""A text as it is read: its letters, numbers and signs in order, without spaces and punctuation.

Two texts are compared by units of shape (``misreadings``): equal classes throughout mean equal but for what
recognition misreads, for spaces and for punctuation. Numbers are units of their own, by value, so that no number
is ever taken for another. What counts as a sign is kept too: per cent and currencies, ``<`` and ``=``, the minus
of a negative number, the dash of a range, the brackets in which accounts put a loss.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wellread.answering.checking.misreadings import OPTIONAL_MARKS, shapes_of, without_accent
from wellread.answering.checking.normalising import NormalisedText, normalise
from wellread.answering.checking.numerals import Token, merge_numerals, value_of

_NUMBER_OPEN, _NUMBER_CLOSE, _SIGN = "\x02", "\x03", "\x04"
_NO_SIGNS = "|\u00a9\u00ae\u2117\u2120"
_OWN_KINDS = {
    **{character: character for character in " -/:"},
    **dict.fromkeys(".,\u066b\u066c", "c"),
    **dict.fromkeys("%\u2030&", "s"),
    **dict.fromkeys("015", "o"),
}
"""Separators within numbers ``c``, signs ``s``, digits that could be letters ``o``. By category: other digits
``d``, letters ``l``, marks that belong to a letter ``x``, and marks that may be missing ``z``."""
_TOKEN = re.compile(
    r"(?P<raised>u+)|(?P<number>[do]+(?:c[do]+)+)"
    r"|(?P<run>[do]*[lx][lxzdo]*?(?=[do]+c[do])|[do]*[lx][lxzdo]*|[do]+)"
    r"|(?P<sign>s)|(?P<mark>[-/:])"
)
"""Over kinds: superscripts ``u``, numbers with separators, letters and digits that stand together, signs."""
_BRACKET_CLOSES = re.compile(r" ?(?:%|percent|per cent)?\)")
_PARTS_OF_RUN = re.compile(r"[lxz]+|[do]+")
_LEAST_LETTERS_BESIDE_DIGIT = 3
_LEAST_LETTERS_BESIDE_ZERO = 2


@dataclass(frozen=True, slots=True)
class Letters:
    """A text in units of shape. All fields but ``words`` and ``numbers`` have one entry for each unit."""

    classes: str
    units: tuple[str, ...]
    starts: tuple[int, ...]
    """Where the original of each unit begins, inclusive."""
    ends: tuple[int, ...]
    """Where it ends, exclusive."""
    breaks: str
    """What stands before each unit: ``0`` nothing, ``1`` a hyphen, a number or a sign, ``2`` a space."""
    in_names: tuple[bool, ...]
    """Whether its word begins with a capital."""
    words: tuple[str, ...]
    """Words in order; ``n't`` is one."""
    numbers: tuple[str, ...]
    """Numbers in order, by value; a negative one with its sign."""


@functools.lru_cache(maxsize=128)
def read_letters(text: str) -> Letters:
    """The letters of a text. Linear in its length; remembered, because one passage is asked for many quotes."""
    plain = normalise(text)
    tokens = merge_numerals(list(_tokens(plain, text)))
    return _Writer(text, plain).write(tokens)


@functools.lru_cache(maxsize=10_000)
def _kind(character: str) -> str:
    if character in _OWN_KINDS:
        return _OWN_KINDS[character]
    if OPTIONAL_MARKS.match(character):
        return "z"
    category = unicodedata.category(character)
    if category in ("Sm", "Sc", "So"):
        return "p" if character in _NO_SIGNS else "s"
    return {"L": "l", "N": "d" if category == "Nd" else "l", "M": "x"}.get(category[0], "p")


@functools.lru_cache(maxsize=10_000)
def _is_raised(original: str) -> bool:
    """Superscript, subscript or a part of a fraction: digits that belong to no number before them."""
    return unicodedata.decomposition(original).startswith(("<super>", "<sub>", "<fraction>"))


def _tokens(plain: NormalisedText, text: str) -> Iterator[Token]:
    kinds = "".join(map(_kind, plain.text))
    if not text.isascii():
        raised = (_is_raised(text[start]) and kind in "do" for start, kind in zip(plain.starts, kinds, strict=True))
        kinds = "".join("u" if up else kind for up, kind in zip(raised, kinds, strict=True))
    for found in _TOKEN.finditer(kinds):
        start, end = found.span()
        match found.lastgroup:
            case "raised":
                yield Token("number", _raised(plain.text, kinds, start, end), start, end)
            case "number":
                yield from _number(plain.text, start, end)
            case "run":
                yield from _run(plain.text, kinds, start, end)
            case "sign":
                yield Token("sign", plain.text[start].replace("\u2044", "/"), start, end)
            case _ if _is_sign(kinds, start):
                yield Token("sign", plain.text[start], start, end)


def _raised(text: str, kinds: str, start: int, end: int) -> str:
    after_number = start > 0 and kinds[start - 1] in "do"
    return ("^" if after_number else "") + value_of(text[start:end])


def _number(text: str, start: int, end: int) -> Iterator[Token]:
    before = text[max(0, start - 3) : start]
    if before.rstrip(" $\u20ac\u00a3\u00a5").endswith("(") and _BRACKET_CLOSES.match(text, end):
        yield Token("sign", "(", start, start + 1)
    yield Token("number", value_of(text[start:end]), start, end)


def _run(text: str, kinds: str, start: int, end: int) -> Iterator[Token]:
    if _is_word(text[start:end], kinds[start:end]):
        yield Token("word", text[start:end], start, end)
        return
    for part in _PARTS_OF_RUN.finditer(kinds, start, end):
        if part.group()[0] in "do":
            yield from _number(text, *part.span())
        else:
            yield Token("word", text[part.start() : part.end()], *part.span())


def _is_word(run: str, kinds: str) -> bool:
    """Letters only, or letters misread as digits: ``l0ng`` and ``0ur``, never ``H1N1``, ``10mg`` or ``1st``."""
    digits = re.findall("[do]+", kinds)
    if not digits:
        return True
    letters = [without_accent(character) for character, kind in zip(run, kinds, strict=True) if kind == "l"]
    least = _LEAST_LETTERS_BESIDE_ZERO if "1" not in run and "5" not in run else _LEAST_LETTERS_BESIDE_DIGIT
    return len(letters) >= least and all(map(str.isascii, letters)) and all(digit == "o" for digit in digits)


def _is_sign(kinds: str, place: int) -> bool:
    """Whether a dash, slash or colon joins two numbers or makes one negative."""
    before, after = kinds[max(0, place - 2) : place], kinds[place + 1 : place + 3]
    digit_before = before.rstrip(" ")[-1:] in ("d", "o")
    if digit_before and after.lstrip(" ")[:1] in ("d", "o"):
        return True
    return kinds[place] == "-" and after[:1] in ("d", "o") and before[-1:] not in ("l", "x", "z", "d", "o", "u")


def _is_negative(before: Sequence[Token], number: Token) -> bool:
    """Whether the token right before is a minus, not the dash of a range."""
    if not before or before[-1].text != "-" or before[-1].end != number.start:
        return False
    return len(before) < 2 or before[0].kind != "number"


class _Writer:
    """Turns tokens into units."""

    def __init__(self, text: str, plain: NormalisedText) -> None:
        self._text = text
        self._plain = plain
        self._rows: list[tuple[str, str, int, int, str, bool]] = []
        self._words: list[str] = []
        self._numbers: list[str] = []
        self._end = 0
        self._after_fact = False

    def write(self, tokens: list[Token]) -> Letters:
        for place, token in enumerate(tokens):
            if token.kind == "word":
                self._write_word(token)
            else:
                self._write_fact(token, is_negative=_is_negative(tokens[max(0, place - 2) : place], token))
            self._end = token.end
            self._after_fact = token.kind != "word"
        columns = list(zip(*self._rows, strict=True)) or [(), (), (), (), (), ()]
        classes, units, starts, ends, breaks, in_names = columns
        return Letters(
            "".join(classes),
            units,
            starts,
            ends,
            "".join(breaks),
            in_names,
            tuple(self._words),
            tuple(self._numbers),
        )

    def _break(self, token: Token) -> str:
        """What stands before a word; ``does n't`` and ``the firm 's`` are written with and without a space."""
        gap = self._plain.text[self._end : token.start]
        is_ending = "'" in gap or (token.text == "n" and self._plain.text.startswith("'t", token.end))
        if self._after_fact or "-" in gap or is_ending:
            return "1"
        return "2" if " " in gap else "1" if gap else "0"

    def _write_word(self, token: Token) -> None:
        if token.text == "t" and self._words and self._words[-1].endswith("n"):
            if self._plain.text[self._end : token.start] == "'":
                self._words.append("n't")
        else:
            self._words.append(token.text)
        gap = self._break(token)
        is_name = self._text[self._plain.starts[token.start]].isupper()
        for place in range(token.start, token.end):
            for shape, unit in shapes_of(self._plain.text[place]):
                self._rows.append((shape, unit, self._plain.starts[place], self._plain.ends[place], gap, is_name))
                gap = "0"

    def _write_fact(self, token: Token, *, is_negative: bool) -> None:
        if token.kind == "number":
            self._numbers.append(f"-{token.text}" if is_negative else token.text)
            written = _NUMBER_OPEN + token.text + _NUMBER_CLOSE
        else:
            written = _SIGN + token.text
        start, end = self._plain.original_span(token.start, token.end)
        self._rows.extend((unit, unit, start, end, "1", False) for unit in written)

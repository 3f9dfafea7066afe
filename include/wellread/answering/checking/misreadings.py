"""Which letters recognition takes for which others, and when a word read so is another word.

Recognition goes by shape: ``rn`` becomes ``m``, ``l`` becomes ``1`` or ``I``, an accent is lost. Who changes a
word on purpose, a person or a language model, goes by meaning, and hardly ever lands on a look-alike. So
only look-alikes count as misread, never letters that are merely few: ``employer`` and ``employee`` differ by
one. Where a look-alike of a word is a word of its own (``fail`` and ``fall``), it is another word.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
import unicodedata
from collections.abc import Sequence

_LEAST_LETTERS = 2
_LEAST_LETTERS_OF_NAMES = 3
_FOR_NAMES = frozenset(frozenset(pair) for pair in (("c", "e"), ("c", "o"), ("u", "v"), ("v", "y")))
"""``Hill`` and ``Bill``, ``Mario`` and ``Maria`` are different people."""
_VOWELS = frozenset(("a", "o"))
"""Endings in ``a`` and ``o`` are grammar in many languages: there, and in the shortest words, never misread."""

_CLASSES = {
    **dict.fromkeys("il1", "i"),
    **dict.fromkeys("o0ace", "o"),
    **dict.fromkeys("s5", "s"),
    **dict.fromkeys("uvy", "u"),
    **dict.fromkeys("hb", "h"),
    **dict.fromkeys("gq", "g"),
}
_PARTS = {"m": ("r", "n"), "d": ("c", "l"), "w": ("v", "v"), "\u00e6": ("a", "e"), "\u0153": ("o", "e")}
_BARE = {"\u0131": "i", "\u00f8": "o", "\u0142": "l", "\u0111": "d", "\u0127": "h"}
"""Letters whose stroke or missing dot Unicode does not count as an accent."""
OPTIONAL_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u0652\u0670]")
"""Accents that stand alone, Hebrew points, Arabic vowels and the stretching of Arabic letters."""
_FIRM = frozenset(
    frozenset(pair)
    for pair in (
        *(("i", "l"), ("i", "1"), ("l", "1"), ("o", "0"), ("s", "5")),
        *(("r", "m<"), ("n", "m>"), ("c", "d<"), ("l", "d>"), ("i", "d>"), ("1", "d>"), ("v", "w<"), ("v", "w>")),
        *(("a", "\u00e6<"), ("e", "\u00e6>"), ("o", "\u0153<"), ("e", "\u0153>")),
    )
)
_LOOSE = frozenset(
    frozenset(pair) for pair in (("a", "o"), ("c", "e"), ("c", "o"), ("u", "v"), ("v", "y"), ("b", "h"), ("g", "q"))
)


@functools.lru_cache(maxsize=10_000)
def without_accent(letter: str) -> str:
    """The bare letter of a Latin, Greek or Cyrillic one; any other as it is, for its marks are no ornament."""
    bare = unicodedata.normalize("NFD", letter)[0]
    return _BARE.get(letter, bare if bare < "\u0530" else letter)


@functools.lru_cache(maxsize=10_000)
def shapes_of(letter: str) -> tuple[tuple[str, str], ...]:
    """The units of shape of a normalised character of a word, as ``(class, unit)``; none for an optional mark.

    Two texts that differ in misreadings only have equal classes throughout. ``m`` is two units, because it may
    stand for ``r`` and ``n``; so are ``d`` (``c``, ``l``), ``w`` (``v``, ``v``) and ligatures such as ``\u00e6``.
    """
    if OPTIONAL_MARKS.match(letter):
        return ()
    bare = without_accent(letter)
    parts = _PARTS.get(bare)
    if parts is None:
        return ((_CLASSES.get(bare, bare), letter),)
    first, second = parts
    return ((_CLASSES.get(first, first), f"{letter}<"), (_CLASSES.get(second, second), f"{letter}>"))


def letters_of(units: Sequence[str]) -> str:
    """The bare letters of which these are the units."""
    return "".join(without_accent(unit[0]) for unit in units if not unit.endswith(">"))


def is_misreading(first: str, second: str, *, letters_count: int, following: str, is_name: bool) -> bool:
    """Whether one unit may be the other, misread.

    In every word for what looks alike in all print. For what looks alike in bad print it depends on the number of
    letters of the word and on the letters that follow; names are read more strictly.
    """
    pair = frozenset(without_accent(unit[0]) + unit[1:] for unit in (first, second))
    if len(pair) == 1 or pair in _FIRM:
        return True
    if pair not in _LOOSE or letters_count < (_LEAST_LETTERS_OF_NAMES if is_name else _LEAST_LETTERS):
        return False
    if is_name:
        return pair in _FOR_NAMES
    if pair != _VOWELS:
        return True
    return letters_count > _LEAST_LETTERS and following != "" and (following != "s" or letters_count <= 3)


def are_two_words(first: str, second: str) -> bool:
    """Whether two words that look alike are both words, in English, French, German or Spanish."""
    return frozenset((first, second)) in _known_pairs()


@functools.cache
def _known_pairs() -> frozenset[frozenset[str]]:
    text = importlib.resources.files(__package__).joinpath("look_alikes.txt").read_text("utf-8")
    lines: Sequence[str] = [line for line in text.splitlines() if line and not line.startswith("#")]
    return frozenset(frozenset(line.split(" ")) for line in lines)

"""What does not make a quote untrue: harmless differences, and letters that recognition misreads.

Each function takes a sentence and a random source and returns the sentence as somebody else has it, or ``None``
where it has nothing of the kind. None touches a number, a negation or a name, but by case and signs of the page.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Mapping

Differ = Callable[[str, random.Random, frozenset[str]], str | None]
"""(sentence, random source, words of the whole set) -> the other sentence."""

_NEGATIONS = (
    "not no never none nor neither nobody nothing nowhere without cannot unless except nicht kein keine ohne nie"
)
_NUMERALS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred percent per cent"
)
KEPT_WORDS = frozenset(f"{_NEGATIONS} {_NUMERALS}".split())
_WORD = re.compile(r"[^\W\d_]+")


def letters_misread(sentence: str, draw: random.Random, swaps: Mapping[str, str], *, count: int) -> str | None:
    """Up to ``count`` of the swaps, each in a word of its own that is no name, number or negation."""
    words = [found for found in _WORD.finditer(sentence) if _may_change(sentence, found)]
    draw.shuffle(words)
    edits: list[tuple[int, int, str]] = []
    for found in words:
        places = [
            (found.start() + at, one, other)
            for one, other in swaps.items()
            for at in range(len(found.group()))
            if found.group().startswith(one, at)
        ]
        if places:
            at, one, other = draw.choice(places)
            edits.append((at, at + len(one), other))
        if len(edits) == count:
            break
    for start, end, other in sorted(edits, reverse=True):
        sentence = sentence[:start] + other + sentence[end:]
    return sentence if edits else None


def _may_change(sentence: str, found: re.Match[str]) -> bool:
    word = found.group()
    beside_digit = sentence[max(0, found.start() - 1) : found.end() + 1].strip(word)
    beside_negation = sentence[found.end() : found.end() + 2] in ("'t", "\u2019t")
    return word.islower() and word not in KEPT_WORDS and not beside_negation and not re.search(r"\d", beside_digit)


def _misread(swaps: Mapping[str, str], *, least: int = 1, most: int = 3) -> Differ:
    def differ(sentence: str, draw: random.Random, words: frozenset[str]) -> str | None:
        for _ in range(5):
            changed = letters_misread(sentence, draw, swaps, count=draw.randint(least, most))
            if changed is not None and not _makes_words(sentence, changed, words):
                return changed
        return None

    return differ


def _makes_words(sentence: str, changed: str, words: frozenset[str]) -> bool:
    """Whether a misread word is a word of the set: nobody could tell it from one changed on purpose."""
    new = set(_WORD.findall(changed)) - set(_WORD.findall(sentence))
    return any(word.casefold() in words for word in new)


def _no_spaces(sentence: str, draw: random.Random, words: frozenset[str]) -> str | None:
    del words
    places = [
        found.start(1)
        for found in re.finditer(
            r"(?<![^\W\d_])[a-z\u00e4\u00f6\u00fc]+( )(?=([a-z\u00e4\u00f6\u00fc]+)\b(?!['\u2019]))", sentence
        )
        if not {found.group().strip(), found.group(2)} & KEPT_WORDS
    ]
    if not places:
        return None
    for place in sorted(draw.sample(places, min(len(places), draw.randint(1, 3))), reverse=True):
        sentence = sentence[:place] + sentence[place + 1 :]
    return sentence


def _no_accents(sentence: str, draw: random.Random, words: frozenset[str]) -> str | None:
    del draw, words
    bare = "".join(
        unicodedata.normalize("NFD", character)[0] if character < "\u0250" else character for character in sentence
    )
    return bare if bare != sentence else None


NOISE: dict[str, Differ] = {
    "rn for m": _misread({"m": "rn"}),
    "m for rn": _misread({"rn": "m"}),
    "1 and I for l, l for i": _misread({"l": "1", "i": "l"}),
    "I for l": _misread({"l": "I"}),
    "0 for o": _misread({"o": "0"}),
    "missing spaces": _no_spaces,
    "accents lost": _no_accents,
    "several at once": _misread({"m": "rn", "l": "1", "o": "0", "d": "cl", "w": "vv", "i": "l"}, least=2, most=5),
    "bad print": _misread({"e": "c", "c": "e", "o": "c", "u": "v", "h": "b", "a": "o", "y": "v"}, least=1, most=3),
}
"""Recognition noise, by what is misread."""


def _once(pattern: str, replacement: str | Callable[[re.Match[str]], str]) -> Differ:
    def differ(sentence: str, draw: random.Random, words: frozenset[str]) -> str | None:
        del words
        found = list(re.finditer(pattern, sentence))
        if not found:
            return None
        one = draw.choice(found)
        new = one.expand(replacement) if isinstance(replacement, str) else replacement(one)
        return sentence[: one.start()] + new + sentence[one.end() :]

    return differ


def _whole(change: Callable[[str], str]) -> Differ:
    def differ(sentence: str, draw: random.Random, words: frozenset[str]) -> str | None:
        del draw, words
        changed = change(sentence)
        return changed if changed != sentence else None

    return differ


def _each_space(*others: str) -> Differ:
    def differ(sentence: str, draw: random.Random, words: frozenset[str]) -> str | None:
        del words
        return re.sub(" ", lambda _: draw.choice(others), sentence) if " " in sentence else None

    return differ


def _with_ligatures(text: str) -> str:
    for letters, ligature in (("ffi", "\ufb03"), ("fi", "\ufb01"), ("fl", "\ufb02"), ("ff", "\ufb00")):
        text = text.replace(letters, ligature)
    return text


def _curly(text: str) -> str:
    text = re.sub(r'(?<!\S)"', "\u201c", text).replace('"', "\u201d")
    return text.replace("'", "\u2019")


def _slip(change: Callable[[str, int], str]) -> Differ:
    """A slip in one letter inside a long word that is no name."""

    def differ(sentence: str, draw: random.Random, words: frozenset[str]) -> str | None:
        found = [one for one in _WORD.finditer(sentence) if len(one.group()) >= 6 and _may_change(sentence, one)]
        if not found:
            return None
        one = draw.choice(found)
        changed = change(one.group(), draw.randrange(1, len(one.group()) - 2))
        return None if changed in words else sentence[: one.start()] + changed + sentence[one.end() :]

    return differ


SLIPS: dict[str, Differ] = {
    "letter lost": _slip(lambda word, at: word[:at] + word[at + 1 :]),
    "letter doubled": _slip(lambda word, at: word[:at] + word[at] + word[at:]),
    "letters change places": _slip(lambda word, at: word[:at] + word[at + 1] + word[at] + word[at + 2 :]),
    "letter unlike": _slip(lambda word, at: word[:at] + "x" + word[at + 1 :]),
}
"""Slips of the pen: no recognition noise, and not forgiven, for a word one letter apart is often another word."""

HARMLESS: dict[str, Differ] = {
    "white space": _each_space(" ", "\n", "  ", "\t", "\u00a0", "\r\n"),
    "upper case": _whole(str.upper),
    "lower case": _whole(str.lower),
    "curly quotes": _whole(_curly),
    "straight quotes": _whole(
        lambda text: re.sub("[\u2018\u2019]", "'", re.sub("[\u201c\u201d\u201e\u00ab\u00bb]", '"', text))
    ),
    "dashes": _whole(lambda text: text.replace("-", "\u2013").replace("\u2014", "-")),
    "ligatures": _whole(_with_ligatures),
    "soft hyphens": _once(r"(?<=[a-z]{3})(?=[a-z]{3})", "\u00ad"),
    "hyphenated at a line end": _once(r"(?<=\b[a-z]{3})(?=[a-z]{3})", "-\n"),
    "invisible characters": _each_space(" ", " \u200b", "\u200e ", " \ufeff", " \u2060"),
    "full width": _whole(
        lambda text: "".join(chr(ord(c) + 0xFEE0) if "a" <= c.lower() <= "z" else c for c in text)
    ),
    "decomposed": _whole(lambda text: unicodedata.normalize("NFD", text)),
    "last mark": _whole(lambda text: text[:-1].rstrip() if text.endswith((".", "\u3002", ";")) else text + "."),
    "in quotes": _whole(lambda text: f"\u201c{text}\u201d"),
    "cut marks around": _whole(lambda text: f"... {text.rstrip('.')} ..."),
    "joined marks": _whole(lambda text: re.sub(r" (?=[,.;:?!)])|(?<=[(]) ", "", text)),
    "no commas": _whole(lambda text: re.sub(r"(?<!\d),(?= )", "", text)),
    "emphasis": _once(r"\b([a-z]{4,})\b", r"**\1**"),
    "thousands": _once(r"(?<![\d.,])(\d{1,3}),(\d{3})(?![\d,])", r"\1\2"),
    "per cent": _once(r"(?<=\d) ?%(?!\w)", " percent"),
}
"""Differences of writing, by what differs."""

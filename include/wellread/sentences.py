"""Where sentences begin and end.

A boundary is decided by the mark itself, the word before it and the characters right after it, never by
anything further away. Chunks rely on that: an edit moves no sentence boundary outside its own surroundings,
which no trained splitter promises.
"""

from __future__ import annotations

import re

_CLOSERS = "\"'”’»)\\]}」』）】"
_BOUNDARY = re.compile(
    rf"(?P<soft>[.!?…]+)[{_CLOSERS}]*(?=\s)"  # needs white space and an opening after it
    rf"|[。！？｡．।॥؟۔።༎။៖]+[{_CLOSERS}]*"  # CJK, Devanagari, Arabic, Ethiopic, ...: need nothing
    r"|\n"
)
_SPACE = re.compile(r"\s*")
_LAST_WORD = re.compile(r"[^\s(\[{\"'“‘]+\Z")
_ENUMERATOR = re.compile(r"\(?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxIVX]{1,5})[.)]?\Z")
_OPENERS = "\"'“‘«([{¿¡「『（•–—-"
_LOOKBACK_CHARS = 32

_TITLES = "mr mrs ms dr prof rev hon gen col lt sgt capt sen rep gov st mt messrs"
_LATIN = "e.g i.e cf al etc vs viz ca approx resp incl est ibid"
_REFERENCES = "fig figs eq eqs ref refs no nos art arts sec secs ch chap vol pp p para paras cl ex exh app ed eds"
_MONTHS = "jan feb mar apr jun jul aug sep sept oct nov dec"
_ALWAYS = frozenset(f"{_TITLES} {_LATIN} {_REFERENCES} {_MONTHS} z.b d.h bzw u.a nr abs bspw vgl т.е т.д".split())
_FIRM_WORDS = "inc corp ltd co llc l.p plc jr sr u.s u.k u.n e.u a.m p.m ph.d n.v s.a b.v gmbh dept"
_FIRMS = frozenset(_FIRM_WORDS.split())
_STARTER_WORDS = (
    "the this that these those it its he she they we i you in on at if as for by to and but when while each any "
    "no all such there where after before our their his her a an upon subject"
)
_STARTERS = frozenset(_STARTER_WORDS.split())


def split_sentences(text: str) -> tuple[tuple[int, int], ...]:
    """Spans (start_char inclusive, end_char exclusive) of the sentences of ``text``, in order.

    Spans hold no white space at their ends; what lies between them is white space only. A line break always
    ends a sentence, so wrapped lines have to be joined before. Linear in the length of the text.
    """
    spans: list[tuple[int, int]] = []
    start = _skip_space(text, 0)
    for match in _BOUNDARY.finditer(text):
        if match.end() <= start or not _ends_sentence(text, start, match):
            continue
        end = match.start() if match.group() == "\n" else match.end()
        while end > start and text[end - 1].isspace():
            end -= 1
        if end > start:
            spans.append((start, end))
        start = _skip_space(text, match.end())
    end = len(text.rstrip())
    if end > start:
        spans.append((start, end))
    return tuple(spans)


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _ends_sentence(text: str, start: int, match: re.Match[str]) -> bool:
    mark = match.group("soft")
    if mark is None:
        return True
    following = text[match.end() : match.end() + _LOOKBACK_CHARS].lstrip()
    if not following:
        return True
    if not _can_begin(following):
        return False
    if mark != ".":
        return True
    return not _is_abbreviation(text[max(start, match.start() - _LOOKBACK_CHARS) : match.start()], following)


def _can_begin(following: str) -> bool:
    first = following.lstrip(_OPENERS)[:1]
    # Letters without case (Arabic, Hindi, CJK) can always begin a sentence.
    return not first or not first.islower()


def _is_abbreviation(before: str, following: str) -> bool:
    found = _LAST_WORD.search(before)
    if found is None:
        return False
    word = found.group()
    if len(word) == 1 and word.isupper():
        return True  # an initial
    if word == before and _ENUMERATOR.match(word):
        return True  # "3." or "(a)." at the head of a sentence is a number, not a sentence
    lowered = word.lower()
    if lowered in _ALWAYS:
        return True
    if lowered not in _FIRMS:
        return False
    next_word = re.match(r"\w*", following)
    return next_word is not None and next_word.group().lower() not in _STARTERS

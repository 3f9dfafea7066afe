"""Secret words of a prompt, found in an answer however they are written: spelt out, reversed, encoded."""

from __future__ import annotations

import base64
import codecs
import functools
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import unquote

from wellread.answering.checking.normalising import INVISIBLE, NormalisedText, normalise

_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{12,}")
_HEX = re.compile(r"[0-9A-Fa-f]{12,}")
_URL_SAFE = str.maketrans("-_", "+/")
_NO_LETTERS = bytes(byte for byte in range(128) if not chr(byte).isalnum())
_LEAST_CANARY_CHARS = 6

Span = tuple[int, int]
"""Inclusive start and exclusive end, over the given text."""


def visible_text(text: str) -> NormalisedText:
    """The text in compatibility form without invisible characters; case and white space stay."""
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, character in enumerate(text):
        if character.isascii():
            pieces.append(character)
            starts.append(index)
            ends.append(index + 1)
            continue
        for piece in unicodedata.normalize("NFKC", INVISIBLE.sub("", character)):
            pieces.append(piece)
            starts.append(index)
            ends.append(index + 1)
    return NormalisedText("".join(pieces), tuple(starts), tuple(ends))


def find_canary(text: str, canary: str) -> list[Span]:
    """Every place of the canary: in any case, with anything between its letters, reversed, ROT13, as base64 or hex.

    Where it stands in percent or character references, the span is the whole text. A canary of fewer than 6
    letters is not looked for.
    """
    wanted = _squashed(canary).text
    if len(wanted) < _LEAST_CANARY_CHARS:
        return []
    needles = {wanted, wanted[::-1], codecs.encode(wanted, "rot13")}
    place = _squashed(text)
    found = [
        place.original_span(start, start + len(needle))
        for needle in needles
        for start in _occurrences(place.text, needle)
    ]
    if found:
        return sorted(found)
    squeezed = _kept(visible_text(text), lambda character: "" if character.isspace() else character)
    coded = [needle.encode() for needle in needles]
    found = [
        squeezed.original_span(*match.span())
        for match in _ENCODED.finditer(squeezed.text)
        if any(needle in decoded for decoded in _decodings(match.group()) for needle in coded)
    ]
    references = {unquote(text), html.unescape(text)} - {text}
    if not found and any(wanted in _squashed(decoded).text for decoded in references):
        found.append((0, len(text)))
    return found


def find_pieces(text: str, secret: str, *, least_chars: int) -> list[Span]:
    """Places where ``least_chars`` or more characters of the secret stand word for word, up to normalisation."""
    place, pieces = normalise(text), _pieces(secret, least_chars)
    runs: list[Span] = []
    for start in range(len(place.text) - least_chars + 1):
        if place.text[start : start + least_chars] in pieces:
            end = start + least_chars
            if runs and start <= runs[-1][1]:
                runs[-1] = (runs[-1][0], end)
            else:
                runs.append((start, end))
    return [place.original_span(*run) for run in runs]


@functools.lru_cache(maxsize=8)
def _pieces(secret: str, chars: int) -> frozenset[str]:
    """All its pieces of this length: a deployment has one secret text, and asks for each sentence of an answer."""
    source = normalise(secret).text
    return frozenset(source[start : start + chars] for start in range(len(source) - chars + 1))


def _squashed(text: str) -> NormalisedText:
    """Letters and digits alone, case folded."""
    return _kept(visible_text(text), lambda character: character.casefold() if character.isalnum() else "")


def _kept(place: NormalisedText, keep: Callable[[str], str]) -> NormalisedText:
    kept = [
        (piece, start, end)
        for character, start, end in zip(place.text, place.starts, place.ends, strict=True)
        for piece in keep(character)
    ]
    return NormalisedText(
        "".join(piece for piece, _, _ in kept),
        tuple(start for _, start, _ in kept),
        tuple(end for _, _, end in kept),
    )


def _occurrences(text: str, needle: str) -> Iterator[int]:
    start = text.find(needle)
    while start >= 0:
        yield start
        start = text.find(needle, start + 1)


def _decodings(encoded: str) -> Iterator[bytes]:
    """What the run may mean: base64 from each of its four alignments, hexadecimal from both; letters and digits."""
    alphabet = encoded.translate(_URL_SAFE)
    for shift in range(4):
        part = alphabet[shift:]
        yield base64.b64decode(part + "A" * (-len(part) % 4)).lower().translate(None, _NO_LETTERS)
    for match in _HEX.finditer(encoded):
        for shift in range(2):
            part = match.group()[shift:]
            yield bytes.fromhex(part[: len(part) // 2 * 2]).lower().translate(None, _NO_LETTERS)

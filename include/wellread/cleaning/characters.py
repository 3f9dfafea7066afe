"""Steps on single characters: what no reader sees is taken away, what looks alike is written alike."""

from __future__ import annotations

import re
import unicodedata

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
# ZWNJ and ZWJ (U+200C, U+200D) stay: Persian, Indic scripts and emoji change their meaning without them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SPACES = re.compile("[\t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_LIGATURES = {
    0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st",
}  # fmt: skip


def fold_line_ends(text: str) -> str:
    """Every kind of line end becomes a line feed."""
    return _LINE_ENDS.sub("\n", text)


def replace_surrogates(text: str) -> str:
    """Lone surrogates become U+FFFD: they cannot be written as UTF-8, so no store would take them."""
    return _SURROGATES.sub("\ufffd", text)


def remove_invisible(text: str) -> str:
    """Without control, zero-width, bidirectional, tag and variation-supplement characters and soft hyphens."""
    return _INVISIBLE.sub("", text)


def expand_ligatures(text: str) -> str:
    """Latin presentation ligatures (U+FB00 to U+FB06) written as letters."""
    return text.translate(_LIGATURES)


def normalise_unicode(text: str) -> str:
    """NFC: one code sequence for one written text."""
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def fold_spaces(text: str) -> str:
    """Tabs and every Unicode space become a plain space."""
    return _SPACES.sub(" ", text)

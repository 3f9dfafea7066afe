"""From bytes to text: the encoding is found on the bytes, before any parser sees them."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from wellread.parsing.causes import UnreadableError

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DECLARATION = re.compile(
    rb"""(?:<\?xml[^>]{0,200}?encoding|<meta[^>]{0,200}?charset)\s*=\s*["']?([\w.:-]{2,40})""", re.IGNORECASE
)
SAMPLE_BYTES = 200_000
SUPERSETS = {"shift_jis": "cp932", "gb2312": "gbk", "iso8859-1": "cp1252", "euc_kr": "cp949", "tis-620": "cp874"}
"""What pages that declare the left often use: tried where the left does not decode."""
ALLOWED_CONTROLS = frozenset("\t\n\r\f\x0b\x1b\x85")
MAX_CONTROL_RATIO = 0.05
SHORT_TEXT_CHARS = 64
MAX_SHORT_CONTROL_RATIO = 0.4


@dataclass(frozen=True, slots=True)
class DecodedText:
    """A text and what it was decoded with."""

    text: str
    encoding: str
    warnings: tuple[str, ...] = ()


def decode(content: bytes) -> DecodedText:
    """The text of ``content``: byte order mark, UTF-16/32 without one, declaration, UTF-8, then chardet.

    NUL characters are removed: no index can hold them.

    Raises:
        UnreadableError: ``corrupt`` where the bytes are no text in any encoding.
    """
    decoded = _marked(content) or _declared(content) or _strict(content, "utf-8") or _detected(content)
    if decoded is None:
        text = content.decode("utf-8", "replace")
        decoded = DecodedText(text, "utf-8", ("no encoding fits: unreadable bytes were replaced",))
    if not looks_like_text(decoded.text):
        raise UnreadableError("corrupt", "bytes that are no text in any encoding")
    if "\0" in decoded.text:
        warnings = (*decoded.warnings, "NUL characters were removed")
        decoded = DecodedText(decoded.text.replace("\0", ""), decoded.encoding, warnings)
    return decoded


def looks_like_text(text: str) -> bool:
    """Whether control, replacement and unassigned characters are few enough for a text."""
    sample = text[:SAMPLE_BYTES]
    if not sample:
        return True
    # Few characters are distinct, and counting runs in C.
    odd = sum(count for char, count in Counter(sample).items() if char not in ALLOWED_CONTROLS and _is_odd(char))
    limit = MAX_SHORT_CONTROL_RATIO if len(sample) < SHORT_TEXT_CHARS else MAX_CONTROL_RATIO
    return odd / len(sample) <= limit


def _is_odd(char: str) -> bool:
    return char == "\ufffd" or (not char.isprintable() and unicodedata.category(char) in ("Cc", "Cn"))


def _marked(content: bytes) -> DecodedText | None:
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return _strict(content, encoding)
    return None


def _declared(content: bytes) -> DecodedText | None:
    found = DECLARATION.search(content[:4096])
    if found is None:
        return None
    try:
        encoding = codecs.lookup(found.group(1).decode("ascii")).name
    except (LookupError, UnicodeDecodeError):
        return None
    if encoding.startswith(("utf-16", "utf-32")):  # the declaration itself was readable as single bytes
        return None
    decoded = _strict(content, encoding)
    if decoded is None and encoding in SUPERSETS:
        decoded = _strict(content, SUPERSETS[encoding])
    return decoded


def _strict(content: bytes, encoding: str) -> DecodedText | None:
    try:
        text = content.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None
    if encoding == "utf-8" and (text.count("\0") * 5 > len(text) or "\x1b$" in text):
        return None  # UTF-16 or UTF-32 without a mark, and ISO-2022, are valid UTF-8 by accident
    return DecodedText(text, encoding)


def _detected(content: bytes) -> DecodedText | None:
    import chardet

    encoding = chardet.detect(content[:SAMPLE_BYTES])["encoding"]
    if encoding is None:
        return None
    decoded = _strict(content, encoding)
    if decoded is None and len(content) > SAMPLE_BYTES:
        text = content.decode(encoding, "replace")
        decoded = DecodedText(text, encoding, ("some bytes do not fit the encoding and were replaced",))
    return decoded

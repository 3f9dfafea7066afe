"""Include and exclude patterns over natural keys.

``*`` and ``?`` stay within one path segment, ``**`` as a whole segment spans any number of them, ``[...]`` is a
set. A pattern without a slash matches the file's name at any depth (as in ``.gitignore``). Case matters. Names
and patterns are compared in Unicode form NFC, so that a pattern typed on one system fits names made on another.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence


def _set_end(pattern: str, start: int) -> int:
    """The index of the bracket that ends the set opened before ``start``, or -1."""
    return pattern.find("]", start + (2 if pattern[start : start + 1] in {"!", "^"} else 1))


def _translate_set(inside: str) -> str:
    negated = inside[:1] in {"!", "^"}
    members = re.sub(r"([\\\[\]^&~|])", r"\\\1", inside[1:] if negated else inside)
    return f"(?!/)[{'^' if negated else ''}{members}]"


def _translate_segment(segment: str) -> str:
    parts, index = [], 0
    while index < len(segment):
        character = segment[index]
        index += 1
        if character == "*":
            parts.append("[^/]*")
        elif character == "?":
            parts.append("[^/]")
        elif character == "[" and (end := _set_end(segment, index)) > 0:
            parts.append(_translate_set(segment[index:end]))
            index = end + 1
        else:
            parts.append(re.escape(character))
    return "".join(parts)


def _translate(pattern: str) -> str:
    if "/" not in pattern.rstrip("/"):
        pattern = f"**/{pattern}"
    if pattern.endswith("/"):
        pattern += "**"
    segments = pattern.lstrip("/").split("/")
    text = ""
    for number, segment in enumerate(segments):
        is_last = number == len(segments) - 1
        if segment == "**":
            text += ".+" if is_last else "(?:[^/]+/)*"
        else:
            text += _translate_segment(segment) + ("" if is_last else "/")
    return text


class PathRules:
    """Which keys of a source are wanted."""

    def __init__(self, *, include: Sequence[str], exclude: Sequence[str]) -> None:
        """Compile the patterns. Raises ``ValueError`` (``re.error``) for one that means nothing."""
        self._include = re.compile("|".join(f"(?:{_translate(_nfc(p))})" for p in include) or r"(?!)", re.DOTALL)
        self._exclude = re.compile("|".join(f"(?:{_translate(_nfc(p))})" for p in exclude) or r"(?!)", re.DOTALL)
        whole = [p.removesuffix("/*").removesuffix("**") for p in exclude if p.endswith(("/", "/**", "/**/*"))]
        self._pruned = re.compile("|".join(f"(?:{_translate(_nfc(p))[:-2]})" for p in whole) or r"(?!)", re.DOTALL)

    def wants(self, key: str) -> bool:
        """Whether an object with this key is listed."""
        key = _nfc(key)
        return bool(self._include.fullmatch(key)) and not self._exclude.fullmatch(key)

    def prunes(self, folder_key: str) -> bool:
        """Whether everything below this folder (key without a slash at its end) is excluded."""
        return bool(self._pruned.fullmatch(_nfc(folder_key) + "/"))


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)

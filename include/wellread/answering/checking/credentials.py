"""Keys and passwords in a text, known by their form or by the word before them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

_FORMS = tuple(
    re.compile(pattern)
    for pattern in (
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[A-Za-z0-9+/=\s]*-----END [A-Z0-9 ]+-----)?",
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",  # AWS key ids
        r"(?<![A-Za-z0-9])gh[opusr]_[A-Za-z0-9]{36,}",
        r"(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{22,}",
        r"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{20,}",
        r"(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9-]{10,}",  # Slack
        r"(?<![A-Za-z0-9])[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",  # Stripe
        r"(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}",  # OpenAI, Anthropic and others
        r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}",  # Google
        r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,}",
        r"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}",
        r"(?<![A-Za-z0-9])dapi[0-9a-f]{32}",  # Databricks
        r"(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",  # SendGrid
        r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",  # JSON Web Tokens
        r"(?<=://)[^\s/:@\"'<>,]{1,64}:[^\s/@\"'<>,]{1,128}(?=@)",  # user and password in a URL
    )
)
_NAMED = re.compile(
    r"(?<![a-z])(?P<word>(?:api|access|account|secret|private|signing|encryption)[ _-]?key|secret|token|"
    r"pass(?:word|wd|phrase)|pwd|bearer|passwort|kennwort|contrase\u00f1a|mot de passe)"
    r"(?:[\"'` ]*(?:[=:]|:=|=>|\bis\b|\bist\b|\bes\b|\best\b)[\"'` ]*|[ ]+(?=\S*[0-9]))"
    r"(?P<value>[^\s\"'`,;<>]{8,200})",
    re.IGNORECASE,
)
_LONG_CHARS = 16
_LEAST_BITS = 3.0
"""Shannon entropy of one character: English words have 2.5 to 3, but no digits; 20 of random base64 have 3.9."""


def find_secrets(text: str) -> list[tuple[int, int]]:
    """Spans of what looks like a key or a password, in order, without overlaps."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted({*_by_form(text), *_by_name(text)}, key=lambda span: (span[0], -span[1])):
        if not spans or start >= spans[-1][1]:
            spans.append((start, end))
    return spans


def _by_form(text: str) -> Iterator[tuple[int, int]]:
    for form in _FORMS:
        for match in form.finditer(text):
            yield match.span()


def _by_name(text: str) -> Iterator[tuple[int, int]]:
    for match in _NAMED.finditer(text):
        value = match.group("value").rstrip(".)]}!?")
        if _looks_random(value):
            start = match.start("value")
            yield start, start + len(value)


def _looks_random(value: str) -> bool:
    """Not a word, a number, a date or a path: letters and digits mixed as nobody writes them."""
    kinds = [
        any(character.islower() for character in value),
        any(character.isupper() for character in value),
        any(not character.isalnum() for character in value),
    ]
    has_letters = kinds[0] or kinds[1]
    if len(value) < 8 or not has_letters or not any(character.isdigit() for character in value):
        return False
    least_kinds = 1 if len(value) >= _LONG_CHARS else 2
    return sum(kinds) >= least_kinds and _bits(value) >= min(_LEAST_BITS, math.log2(len(value)) - 0.4)


def _bits(value: str) -> float:
    """Shannon entropy of the value's own characters, in bits for each."""
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())

"""Steps on lines: how a page was set is taken away, what it says stays."""

from __future__ import annotations

import re

from wellread.documents import Element

_BROKEN_WORD = re.compile(r"([^\W\d_])-[ ]*\n[ ]*([^\W\d_])")
_LINE_BREAKS = re.compile(r" *\n[ \n]*")
_BLANK_LINES = re.compile(r"\n[ ]*\n\s*")
_SPACE_RUNS = re.compile(r" {2,}")

LINE_KINDS = frozenset({"table", "code"})
"""Element kinds whose line breaks mean something."""


def join_hyphens(text: str) -> str:
    """``exam-`` and ``ple`` on the next line become ``example``.

    Beside a capital the hyphen stays: ``Non-`` and ``Compete`` become ``Non-Compete``.
    """

    def join(match: re.Match[str]) -> str:
        before, after = match.groups()
        hyphen = "" if before.islower() and after.islower() else "-"
        return f"{before}{hyphen}{after}"

    return _BROKEN_WORD.sub(join, text)


def join_lines(text: str) -> str:
    """Each line break becomes a space."""
    return _LINE_BREAKS.sub(" ", text)


def collapse_spaces(text: str) -> str:
    """No two spaces in a row, none at the ends of lines, no empty lines."""
    lines = (_SPACE_RUNS.sub(" ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def trim_code(text: str) -> str:
    """Code keeps its indentation and inner blank lines; trailing spaces and blank ends go."""
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines)


def split_paragraphs(text: str) -> list[str]:
    """Parts of a prose element that blank lines separate."""
    return [part for part in _BLANK_LINES.split(text) if part.strip()]


def count_header_rows(element: Element) -> int:
    """How many header lines of a table are left when its empty lines are gone."""
    return sum(1 for line in element.text.split("\n")[: element.header_rows] if line.strip())

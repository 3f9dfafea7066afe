"""The title that a PDF shows on its first page, where its properties hold none: pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from wellread.documents import Element

LABEL = re.compile(
    r"^\s*((exhibit|schedule|annex|appendix|attachment)\s+[\w.()\"'‘’“”-]{1,9}(\s+to\s+\w+\s+\w{1,3}$)?"
    r"|execution\s+(version|copy)|confidential|quicklinks\b.*|\[?logo\]?|page\s+\d+|copy|draft)[\s:.-]*",
    re.IGNORECASE,
)
DOCUMENT_NOUN = re.compile(
    r"\b(agreement|contract|amendment|report|policy|manual|guide|handbook|plan|proposal|statement|prospectus|minutes"
    r"|specification|standard|certificate|memorandum|memo|thesis|letter|notice|rules|regulations|terms)\b",
    re.IGNORECASE,
)
MAX_TITLE_WORDS = 20
MAX_COVER_ELEMENTS = 20
LONG_PARAGRAPH_WORDS = 25


def cover_title(elements: Sequence[Element]) -> str | None:
    """The line above the first long paragraph that looks most like a title, or ``None``.

    A line that names a kind of document goes before the largest one: letterheads are larger than titles.
    """
    first_page = [e for e in elements if e.page == 1 and e.kind != "page_furniture"][:MAX_COVER_ELEMENTS]
    cover = takewhile(lambda element: len(element.text.split()) <= LONG_PARAGRAPH_WORDS, first_page)
    candidates = [(element.level or 99, text) for element in cover if (text := _candidate(element))]
    if not candidates:
        return None
    named = [text for _, text in candidates if DOCUMENT_NOUN.search(text)]
    return named[0] if named else min(candidates, key=lambda candidate: candidate[0])[1]


def _candidate(element: Element) -> str | None:
    text = " ".join(element.text.split())
    if element.kind != "heading" and not text.isupper():
        return None
    text = LABEL.sub("", text)
    words = text.split()
    if not 1 <= len(words) <= MAX_TITLE_WORDS or not any(len(word) > 2 and word.isalpha() for word in words):
        return None
    return text

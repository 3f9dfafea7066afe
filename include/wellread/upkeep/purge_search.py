"""Find the text of a document in artifacts that no row of the ledger links to it, by reading all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from wellread.artifacts.references import split_reference
from wellread.errors import SystemicError
from wellread.indexing.parts import Parts
from wellread.upkeep.purge_inventory import Inventory

_TEXTS = frozenset({"elements", "chunks"})
_MADE_AGAIN = _TEXTS | {"answer-rows"}
"""Kinds that are only kept to save work: what an Airflow task handed on, and what a document was parsed to."""

_LEAST_CHARS = 32
"""Shorter lines stand in many documents."""

_BORDERS = re.compile(r'["\n]|\\.')
"""Where a line of text ends in JSON: at a quote, and at whatever is escaped."""


def search_artifacts(parts: Parts, found: Inventory) -> None:
    """Read every artifact and add those with a line of the document's text to the inventory.

    Nothing is changed. What cannot be made again is noted as unreached. To be called before anything is removed:
    the lines are taken from the artifacts that are linked.
    """
    lines = _lines_of(parts, found)
    if not lines:
        found.unreached.add("artifacts that nothing links to it: no text of it was left to search them with")
    ids = found.doc_ids | found.shared_ids
    searched = 0
    for reference in parts.artifacts.references():
        searched += 1
        if reference in found.references:
            continue
        try:
            content = parts.artifacts.get(reference).decode("utf-8", "surrogateescape")
        except SystemicError as error:  # damaged, or gone since it was listed: what it held cannot be known
            found.unreached.add(f"the artifact {reference} cannot be read: {error.found}")
            continue
        kind, _ = split_reference(reference)
        if _is_of(content, lines) or (kind == "answer-rows" and any(doc_id in content for doc_id in ids)):
            if kind in _MADE_AGAIN:
                found.references.add(reference)
            else:
                found.unreached.add(f"the artifact {reference} holds text of it")
    found.count("artifacts_searched", searched)


def _lines_of(parts: Parts, found: Inventory) -> set[str]:
    texts = (item for item in sorted(found.references) if split_reference(item)[0] in _TEXTS)
    there = (item for item in texts if parts.artifacts.exists(item))
    return {line for item in there for line in _lines(parts.artifacts.get(item).decode("utf-8", "surrogateescape"))}


def _is_of(content: str, lines: set[str]) -> bool:
    return any(line in lines for line in _lines(content))


def _lines(content: str) -> Iterable[str]:
    return (line for part in _BORDERS.split(content) if len(line := part.strip()) >= _LEAST_CHARS)

"""Is what a reader finds in an object what was written? The hash is made again of what the store holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from wellread.documents import ChunkObject, VersionObject
from wellread.indexing.content import chunk_payload_hash, shown_title, version_payload_hash
from wellread.ledger.objects import ObjectRow
from wellread.stores.protocol import StoredObject, VectorStore

_LEAST_SECONDS = 0.001
"""Moments that differ by less are the same: the ledger keeps a float, the store nanoseconds."""


def content_fault(store: VectorStore, row: ObjectRow, stored: StoredObject) -> str | None:
    """What of the object's content is not as the ledger says, in words; ``None``: all of it is."""
    facts, found = row.facts, stored.content
    assert facts is not None
    if found is None:
        return "its content cannot be read"
    hashes = {_hash_of(found, title, facts) for title in _titles(found.title, str(facts["natural_key"]))}
    if row.payload_hash not in hashes:
        return f"its content hashes to {min(hashes)[:12]} instead of {row.payload_hash[:12]}"
    if (found.tenant, found.copy) != (facts["tenant"], row.copy):
        return f"tenant {found.tenant!r} and copy {found.copy} instead of {facts['tenant']!r} and {row.copy}"
    whole = replace(found, fields=facts["fields"]) if isinstance(found, ChunkObject) else found
    if stored.derived != store.derived_of(whole):
        return "the values that filters look at are not those of its fields and name"
    return _moments_fault(found, facts) if isinstance(found, VersionObject) else None


def _hash_of(found: ChunkObject | VersionObject, title: str, facts: Mapping[str, Any]) -> str:
    if isinstance(found, ChunkObject):
        return chunk_payload_hash(found, title, facts["fields"])
    return version_payload_hash(found, title)


def _titles(title: str, natural_key: str) -> set[str]:
    """The title as found, and the one that the store had to change: names of files may hold lone surrogates."""
    if "\ufffd" not in title:
        return {title}
    named = shown_title(None, natural_key)
    is_same = named.encode("utf-8", "replace") == title.encode().replace("\ufffd".encode(), b"?")
    return {title, named} if is_same else {title}


def _moments_fault(found: VersionObject, facts: Mapping[str, Any]) -> str | None:
    moments: dict[str, datetime] = {"modified_at": found.modified_at, "ingested_at": found.ingested_at}
    for name, moment in moments.items():
        if abs(moment.timestamp() - float(facts[name])) > _LEAST_SECONDS:
            return f"{name} is {moment.isoformat()}"
    return None

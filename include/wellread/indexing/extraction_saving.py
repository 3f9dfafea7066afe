"""What extraction made, kept in groups: two commits for a group of documents instead of several for each.

On a disk that really syncs a commit costs milliseconds, so that committing costs more than cleaning and chunking.
A killed task does the documents of one unsaved group again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from wellread.artifacts.codec import encode, get_json
from wellread.artifacts.references import reference_of
from wellread.indexing.content import ChunkSet
from wellread.indexing.parts import Parts
from wellread.indexing.plans import RunHandle
from wellread.ledger import purges, revisions, run_records

_GROUP_DOCUMENTS = 16
_GROUP_BYTES = 8_000_000
_GROUP_SECONDS = 2.0


@dataclass(slots=True)
class UnsavedExtractions:
    """Artifacts, memos and outcomes that are not durable yet. Used by one thread; ``threads`` write the blobs."""

    parts: Parts
    run: RunHandle
    threads: ThreadPoolExecutor
    _outcomes: list[tuple[uuid.UUID, Mapping[str, Any]]] = field(default_factory=list)
    _blobs: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    _links: list[tuple[uuid.UUID, str]] = field(default_factory=list)
    _memos: dict[str, tuple[str, str]] = field(default_factory=dict)
    _contents: dict[str, ChunkSet] = field(default_factory=dict)
    _since: float = 0.0

    def keep(self, doc_id: uuid.UUID, kind: str, value: object, *, memo_keys: Sequence[str]) -> str:
        """A value of this document will be an artifact, found again under the memo keys; its reference."""
        content = encode(value)
        reference = reference_of(kind, content)
        self._blobs[reference] = kind, content
        if isinstance(value, ChunkSet):
            self._contents[reference] = value
        stage = "parse" if kind == "elements" else "chunk"
        for memo_key in memo_keys:
            self._memos.setdefault(memo_key, (stage, reference))
        self.link(doc_id, reference)
        return reference

    def link(self, doc_id: uuid.UUID, reference: str) -> None:
        """The document's text is in this artifact."""
        self._links.append((doc_id, reference))

    def find_chunks(self, memo_key: str) -> tuple[str, ChunkSet] | None:
        """What was chunked before under this memo key, saved or not."""
        if memo_key in self._memos:
            reference = self._memos[memo_key][1]
            return reference, self._contents[reference]
        with self.parts.ledger.reading() as reading:
            found = run_records.find_extractions(reading, [memo_key]).get(memo_key)
        if found is None or not self.parts.artifacts.exists(found):
            return None
        return found, get_json(self.parts.artifacts, ChunkSet, found)

    def record(self, doc_id: uuid.UUID, values: Mapping[str, Any]) -> None:
        """The outcome of a document. Saves the group where it is large or old enough."""
        if not self._outcomes:
            self._since = time.monotonic()
        self._outcomes.append((doc_id, values))
        size_bytes = sum(len(content) for _, content in self._blobs.values())
        is_old = time.monotonic() - self._since >= _GROUP_SECONDS
        if is_old or len(self._outcomes) >= _GROUP_DOCUMENTS or size_bytes >= _GROUP_BYTES:
            self.save()

    def save(self) -> None:
        """Make everything durable, behind the run's fence. Raises ``RevisionClosedError`` where it was given up."""
        run = self.run
        assert run.revision is not None
        if self._links or self._memos:  # before the artifacts: a purge must find what a crash leaves
            with self.parts.ledger.transaction() as tx:
                purges.link_artifacts(tx, run.collection, self._links)
                run_records.remember_extractions(tx, self._memos)
        for written in [self.threads.submit(self.parts.artifacts.put, *blob) for blob in self._blobs.values()]:
            written.result()
        if self._outcomes:
            with self.parts.ledger.transaction() as tx:
                revisions.require_open(tx, run.collection, run.revision)
                for doc_id, values in self._outcomes:
                    run_records.update_staged(tx, run.collection, run.revision, doc_id, **values)
        for kept in (self._outcomes, self._blobs, self._links, self._memos, self._contents):
            kept.clear()

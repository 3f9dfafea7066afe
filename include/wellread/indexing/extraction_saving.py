"""What extraction made, kept in groups: two commits for a group of documents instead of several for each.

On a disk that really syncs a commit costs milliseconds, so that committing costs more than cleaning and chunking.
One group is saved while the next is made. A killed task does the documents of these two groups again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

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
class _Group:
    """Artifacts, memos and outcomes that belong together."""

    since: float = 0.0
    outcomes: list[tuple[uuid.UUID, Mapping[str, Any]]] = field(default_factory=list)
    blobs: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    links: list[tuple[uuid.UUID, str]] = field(default_factory=list)
    memos: dict[str, tuple[str, str]] = field(default_factory=dict)
    contents: dict[str, ChunkSet] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        """Whether it is large or old enough to be saved."""
        size_bytes = sum(len(content) for _, content in self.blobs.values())
        is_old = time.monotonic() - self.since >= _GROUP_SECONDS
        return is_old or len(self.outcomes) >= _GROUP_DOCUMENTS or size_bytes >= _GROUP_BYTES


class UnsavedExtractions:
    """What is not durable yet. Used by one thread, as a context; all of it is durable at the end."""

    def __init__(self, parts: Parts, run: RunHandle, threads: ThreadPoolExecutor) -> None:
        """``threads`` write the artifacts."""
        self._parts, self._run, self._threads = parts, run, threads
        self._making, self._saved_now = _Group(), _Group()
        self._saver = ThreadPoolExecutor(max_workers=1, thread_name_prefix="wellread-saving")
        self._saving: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._saver:
            self.save()
            self._wait()

    def keep(self, doc_id: uuid.UUID, kind: str, value: object, *, memo_keys: Sequence[str]) -> str:
        """A value of this document will be an artifact, found again under the memo keys; its reference."""
        group, content = self._making, encode(value)
        reference = reference_of(kind, content)
        group.blobs[reference] = kind, content
        if isinstance(value, ChunkSet):
            group.contents[reference] = value
        stage = "parse" if kind == "elements" else "chunk"
        for memo_key in memo_keys:
            group.memos.setdefault(memo_key, (stage, reference))
        self.link(doc_id, reference)
        return reference

    def link(self, doc_id: uuid.UUID, reference: str) -> None:
        """The document's text is in this artifact."""
        self._making.links.append((doc_id, reference))

    def find_chunks(self, memo_key: str) -> tuple[str, ChunkSet] | None:
        """What was chunked before under this memo key, saved or not."""
        for group in (self._making, self._saved_now):
            if memo_key in group.memos:
                reference = group.memos[memo_key][1]
                return reference, group.contents[reference]
        with self._parts.ledger.reading() as reading:
            found = run_records.find_extractions(reading, [memo_key]).get(memo_key)
        if found is None or not self._parts.artifacts.exists(found):
            return None
        return found, get_json(self._parts.artifacts, ChunkSet, found)

    def record(self, doc_id: uuid.UUID, values: Mapping[str, Any]) -> None:
        """The outcome of a document. Begins to save the group where it is large or old enough."""
        if not self._making.outcomes:
            self._making.since = time.monotonic()
        self._making.outcomes.append((doc_id, values))
        if self._making.is_full:
            self.save()

    def save(self) -> None:
        """Begin to make everything durable, behind the run's fence, once what is being saved is.

        Raises what that came to: ``RevisionClosedError`` where the run was given up.
        """
        self._wait()
        self._saved_now, self._making = self._making, _Group()
        self._saving = self._saver.submit(self._save, self._saved_now)

    def _wait(self) -> None:
        saving, self._saving = self._saving, None
        if saving is not None:
            saving.result()

    def _save(self, group: _Group) -> None:
        parts, run = self._parts, self._run
        assert run.revision is not None
        if group.links or group.memos:  # before the artifacts: a purge must find what a crash leaves
            with parts.ledger.transaction() as tx:
                purges.link_artifacts(tx, run.collection, group.links)
                run_records.remember_extractions(tx, group.memos)
        for written in [self._threads.submit(parts.artifacts.put, *blob) for blob in group.blobs.values()]:
            written.result()
        if group.outcomes:
            with parts.ledger.transaction() as tx:
                revisions.require_open(tx, run.collection, run.revision)
                for doc_id, values in group.outcomes:
                    run_records.update_staged(tx, run.collection, run.revision, doc_id, **values)

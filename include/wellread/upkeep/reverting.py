"""What an undo would do: the documents of a run and of every later run of its source, as they were before."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from wellread.artifacts.codec import get_json
from wellread.errors import SettingsError, SystemicError
from wellread.indexing.content import ChunkSet, DocumentFacts, desired_chunks
from wellread.indexing.heads import parts_of_live
from wellread.indexing.histories import DocumentState, Touched
from wellread.indexing.parts import Parts
from wellread.indexing.same_history import require_belonging
from wellread.ledger import document_rows, explanations, run_records
from wellread.ledger import vectors as ledger_vectors


@dataclass(frozen=True, slots=True)
class Revert:
    """What one revision will put back."""

    collection: str
    source_id: str
    tenant: str
    runs: tuple[str, ...]
    """The runs that are undone, oldest first."""
    restored: Mapping[uuid.UUID, DocumentState]
    """These documents become what they were, with the access that holds today."""
    removed: Mapping[uuid.UUID, str]
    """These came with the runs and go again: natural keys by id."""

    def as_dict(self) -> dict[str, object]:
        """What a person confirms."""
        return {
            "source": self.source_id,
            "collection": self.collection,
            "runs": list(self.runs),
            "restored": sorted(item.natural_key for item in self.restored.values()),
            "removed": sorted(self.removed.values()),
        }


def plan_revert(parts: Parts, collection: str, run: str) -> Revert:
    """Read what must be put back. ``run`` is a run's id, or the number of its revision; nothing is written.

    Raises ``SettingsError`` for a run that published nothing here, ``SystemicError`` where its history, an artifact
    or a vector is gone: an undo pays for nothing. ``EpochMismatchError`` if ledger or store were restored or lost.
    """
    require_belonging(parts, collection, asked=f"undo the run {run!r}")
    parts = parts_of_live(parts, collection)
    with parts.ledger.reading() as reading:
        first = run_records.find_published(reading, collection, run)
        if first is None:
            raise SettingsError(
                f"undo the run {run!r}",
                found=f"no run of this id or revision published anything into {collection!r}",
                remedy="See `wellread status` or `wellread explain DOCUMENT` for the ids of runs.",
            )
        source_id = str(first["source_id"])
        later = run_records.published_since(reading, collection, source_id, int(first["revision"]))
        source = explanations.find_source_rows(reading, collection, source_id)[0]
    before: dict[uuid.UUID, Touched] = {}
    for record in later:
        for item in _history(parts, record):
            before.setdefault(item.doc_id, item)  # the oldest run knows what was before all of them
    with parts.ledger.reading() as reading:
        live = document_rows.live_rows(reading, collection, list(before))
        withdrawn = {
            doc_id for doc_id in before if explanations.find_denials(reading, collection, source_id, doc_id)
        }
    restored, removed = {}, {}
    for doc_id, item in before.items():
        now = live.get(doc_id)
        if item.before is None:
            removed.update({} if now is None else {doc_id: item.natural_key})
        elif doc_id not in withdrawn and not _is_so_now(item.before, now):
            restored[doc_id] = _with_present_access(item.before, now)
    runs = tuple(str(record["run_id"]) for record in later)
    revert = Revert(collection, source_id, str(source["tenant"]), runs, restored, removed)
    _require_kept(parts, revert)
    return revert


def _history(parts: Parts, record: Mapping[str, Any]) -> tuple[Touched, ...]:
    reference = (record["report"] or {}).get("history")
    if reference is None or not parts.artifacts.exists(reference):
        raise _too_late(str(record["run_id"]), "what its documents were before was not kept, or not so long")
    return get_json(parts.artifacts, tuple[Touched, ...], reference)


def _is_so_now(state: DocumentState, row: document_rows.Row | None) -> bool:
    return row is not None and (row["version_hash"], row["chunks_ref"]) == (state.version_hash, state.chunks_ref)


def _with_present_access(state: DocumentState, row: document_rows.Row | None) -> DocumentState:
    """Access is no part of what is undone: who lost it does not get it back."""
    if row is None or not row["acl"]:
        return state
    return replace(state, acl=tuple(row["acl"]))


def facts_of(revert: Revert, doc_id: uuid.UUID, state: DocumentState) -> DocumentFacts:
    """The facts with which the document's objects are made."""
    return DocumentFacts(
        doc_id,
        revert.source_id,
        revert.tenant,
        state.natural_key,
        state.acl,
        state.metadata,
        state.fields,
        state.modified_at,
    )


def _require_kept(parts: Parts, revert: Revert) -> None:
    """Every artifact and every vector is there, before anything is written."""
    for doc_id, state in revert.restored.items():
        if not parts.artifacts.exists(state.chunks_ref):
            raise _too_late(revert.runs[0], f"the chunks of {state.natural_key} are no longer kept")
        content = get_json(parts.artifacts, ChunkSet, state.chunks_ref)
        keys = {
            item.embedding_key
            for item in desired_chunks(content, facts_of(revert, doc_id, state), parts.model_hash)
        }
        with parts.ledger.reading() as reading:
            known = ledger_vectors.known_keys(reading, sorted(keys))
        if known != keys:
            raise _too_late(
                revert.runs[0], f"{len(keys - known)} vectors of {state.natural_key} are no longer kept"
            )


def _too_late(run_id: str, found: str) -> SystemicError:
    return SystemicError(
        f"undo the run {run_id!r}",
        found=found,
        remedy="Put the documents back into the source and ingest it, or undo a later run.",
    )

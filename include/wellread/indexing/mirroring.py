"""Keep another physical copy in step with the live one, document by document.

The rows of the live copy say what the other one must hold: the same keys, payloads and revisions, under the
embedding keys of its own model. What stands right already is left alone, so everything here may be repeated.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from wellread.artifacts.codec import get_json
from wellread.errors import AuditError
from wellread.identities import embedding_key, object_id, sha256_json
from wellread.indexing.content import ChunkSet
from wellread.indexing.embedding import embed_inputs
from wellread.indexing.fences import Fence
from wellread.indexing.heads import parts_of
from wellread.indexing.loading import delete_rows
from wellread.indexing.parts import Parts
from wellread.indexing.restoring import audit_and_heal, restore_objects
from wellread.indexing.revision_states import RevisionStates
from wellread.indexing.writing import close_exactly, insert_exactly, set_acl_exactly
from wellread.ledger import objects as ledger_objects
from wellread.ledger.objects import ObjectRow
from wellread.snapshots import OPEN, Projection
from wellread.stores.protocol import ObjectKind

_ROWS = 1_000
_KINDS: tuple[ObjectKind, ...] = ("chunks", "versions")
_Key = tuple[str, uuid.UUID, int]


@dataclass(frozen=True, slots=True)
class Filled:
    """How many objects the other copy got, how many it had, and what that cost."""

    written: int = 0
    kept: int = 0
    embedded: int = 0
    """Distinct inputs that a model was asked for."""

    def __add__(self, other: Filled) -> Filled:
        return Filled(self.written + other.written, self.kept + other.kept, self.embedded + other.embedded)


def mirror_documents(
    parts: Parts,
    live: Projection,
    other: Projection,
    documents: Sequence[uuid.UUID],
    states: RevisionStates,
    *,
    run_id: str,
    fence: Fence,
) -> Filled:
    """Make rows and objects of ``other`` those that ``live`` should have. The caller holds the sources' leases.

    Objects of revisions that ``states`` calls unpublished are left out, and what those closed is open again.
    Raises ``ModelMismatchError`` where a text needs a model that is not at hand.
    """
    with parts.ledger.reading() as reading:
        wanted = wanted_rows(ledger_objects.rows_of_documents(reading, live, documents), states)
        present = ledger_objects.rows_of_documents(reading, other, documents)
    if live.model != other.model:
        wanted, inputs = with_other_model(parts, other, wanted)
    else:
        inputs = {}
    standing = {_key(row): row for row in present if row.acknowledged_at is not None}
    sound = {key: row for key, row in standing.items() if key in wanted and _is_copy_of(row, wanted[key])}
    # What an earlier try only intended is in doubt: it is proven gone before it is written again.
    doubtful = [row for row in present if sound.get(_key(row)) is not row]
    if doubtful:
        delete_rows(parts, other, doubtful, fence=fence)
    _patch(parts, other, sound, wanted, fence=fence)
    lacking = [row for key, row in wanted.items() if key not in sound]
    embedded = _embed(parts, other, lacking, inputs, run_id=run_id)
    for start in range(0, len(lacking), _ROWS):
        _write(parts, other, lacking[start : start + _ROWS], fence=fence)
    return Filled(len(lacking), len(sound), embedded)


def wanted_rows(rows: Sequence[ObjectRow], states: RevisionStates) -> dict[_Key, ObjectRow]:
    """The rows of the other copy: one for each key and revision, whatever repairs the live one has seen."""
    wanted: dict[_Key, ObjectRow] = {}
    for row in sorted(rows, key=lambda row: row.copy):
        if row.rev_from in states.unpublished or states.is_spent(row):
            continue
        wanted[_key(row)] = replace(
            row,
            rev_to=OPEN if row.rev_to in states.unpublished else row.rev_to,
            copy=1,
            object_id=object_id(row.key, row.rev_from, 1),
            acknowledged_at=None,
        )
    return wanted


def with_other_model(
    parts: Parts, other: Projection, wanted: Mapping[_Key, ObjectRow]
) -> tuple[dict[_Key, ObjectRow], dict[str, str]]:
    """The rows under the embedding keys of ``other``'s model, and the input behind each key."""
    model_hash = sha256_json(other.model.as_dict())
    rekeyed: dict[_Key, ObjectRow] = {}
    inputs: dict[str, str] = {}
    contents: dict[str, ChunkSet] = {}
    for key, row in sorted(wanted.items(), key=lambda item: item[1].reference):
        if row.kind != "chunks":
            rekeyed[key] = row
            continue
        if row.reference not in contents:
            contents = {row.reference: get_json(parts.artifacts, ChunkSet, row.reference)}
        text = contents[row.reference].chunks[row.ordinal].embedding_input
        name = embedding_key(model_hash, text)
        rekeyed[key] = replace(row, embedding_key=name)
        inputs[name] = text
    return rekeyed, inputs


def _key(row: ObjectRow) -> _Key:
    return row.kind, row.key, row.rev_from


def _is_copy_of(row: ObjectRow, wanted: ObjectRow) -> bool:
    """Whether nothing but what can be patched in place differs: the closing revision, and access."""
    same = replace(
        row,
        object_id=wanted.object_id,
        copy=wanted.copy,
        acknowledged_at=None,
        rev_to=wanted.rev_to,
        facts={**(row.facts or {}), "acl": (wanted.facts or {}).get("acl")},
    )
    return same == wanted


def _patch(
    parts: Parts,
    other: Projection,
    sound: Mapping[_Key, ObjectRow],
    wanted: Mapping[_Key, ObjectRow],
    *,
    fence: Fence,
) -> None:
    """Closing revisions and access, in place: readers may stand on this copy. Store first, so a retry sees it."""
    lost: set[uuid.UUID] = set()
    for (kind, rev_to), rows in _grouped(sound, wanted).items():
        ids = [row.object_id for row in rows]
        lost |= close_exactly(parts, other, kind, ids, rev_to, fence=fence)
        with parts.ledger.transaction() as tx:
            fence.hold(tx)
            ledger_objects.set_rev_to(tx, other, ids, rev_to)
    for key, row in sound.items():
        facts = wanted[key].facts
        if facts is None or facts == row.facts:
            continue
        what = f"change the access of an object of {other.collection}"
        kind, acl = _kind(row), tuple(facts["acl"])
        set_acl_exactly(parts, other, kind, [row.object_id], acl, what=what, fence=fence)
        with parts.ledger.transaction() as tx:
            fence.hold(tx)
            ledger_objects.set_facts(tx, other, {row.object_id: facts})
    if lost:
        with parts.ledger.reading() as reading:
            rows = list(ledger_objects.find_rows(reading, other, list(lost)).values())
        audit_and_heal(parts, other, rows, fence=fence)


def _grouped(
    sound: Mapping[_Key, ObjectRow], wanted: Mapping[_Key, ObjectRow]
) -> dict[tuple[ObjectKind, int], list[ObjectRow]]:
    grouped: dict[tuple[ObjectKind, int], list[ObjectRow]] = {}
    for key, row in sound.items():
        if row.rev_to != wanted[key].rev_to:
            grouped.setdefault((_kind(row), wanted[key].rev_to), []).append(row)
    return grouped


def _kind(row: ObjectRow) -> ObjectKind:
    return "chunks" if row.kind == "chunks" else "versions"


def _embed(
    parts: Parts, other: Projection, lacking: Sequence[ObjectRow], inputs: Mapping[str, str], *, run_id: str
) -> int:
    keys = {row.embedding_key for row in lacking if row.embedding_key is not None}
    return embed_for(parts, other, {key: text for key, text in inputs.items() if key in keys}, run_id=run_id)


def embed_for(parts: Parts, other: Projection, inputs: Mapping[str, str], *, run_id: str) -> int:
    """See that the vectors of these inputs are cached under ``other``'s model; returns how many were computed.

    Raises ``ModelMismatchError`` where its embedder is not at hand, ``DocumentError`` for a refused text.
    """
    if not inputs:
        return 0
    embedded = embed_inputs(parts_of(parts, other), run_id, inputs)
    for error in embedded.refused.values():
        raise error
    return embedded.computed


def _write(parts: Parts, new: Projection, rows: Sequence[ObjectRow], *, fence: Fence) -> None:
    with parts.ledger.transaction() as tx:
        fence.hold(tx)
        ledger_objects.intend(tx, new, rows)
    restored = restore_objects(parts, new, rows)
    refused = insert_exactly(parts, new, restored, fence=fence).refused
    if refused:
        refused_id, message = next(iter(refused.items()))
        raise AuditError(
            f"fill copy {new.number} of {new.collection!r}",
            found=f"the store refuses {len(refused)} objects, such as {refused_id}: {message}",
            remedy="See the message of the store; the live copy is still the one that readers use.",
        )
    audit_and_heal(parts, new, rows, fence=fence)

"""Plan one wave of a source: read and decide, write nothing outside."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from wellread.errors import DocumentError, TransientError
from wellread.identities import document_id, sha256_bytes
from wellread.indexing.comparing import Candidate, Comparison, compare, stand, standing_problem
from wellread.indexing.deletions import decide_deletions
from wellread.indexing.hiding import decide_restless
from wellread.indexing.parts import Parts
from wellread.indexing.plans import Draft, Plan, PlannedDocument, Reason
from wellread.indexing.settings import IndexingSettings
from wellread.indexing.settings_changes import SettingsChange
from wellread.indexing.signatures import stage_signature
from wellread.ledger import documents as ledger_documents
from wellread.ledger import quarantine_rows
from wellread.ledger.database import Transaction
from wellread.ledger.documents import HoldRow, Known, KnownDocument
from wellread.runs import SourceDeclaration
from wellread.sources.protocol import Source


@dataclass(frozen=True, slots=True)
class _Looked:
    """A candidate whose bytes were asked for, where that was needed."""

    candidate: Candidate
    content_sha: str | None


def plan_wave(parts: Parts, declaration: SourceDeclaration, source: Source, run_id: str) -> tuple[Plan, Draft]:
    """Compare source and ledger: at most one wave of work, and what the ledger should remember of the looking."""
    draft = Draft()
    signature = stage_signature(parts)
    holds = _holds(parts, declaration)
    held = {key for (_, key), row in holds.items() if row.kind == "deletion"}
    parts.progress.start("list")
    comparison = compare(parts, declaration, source, signature, held, draft)
    parts.progress.finish("list")
    vanished = {document.doc_id: document for document in comparison.vanished} if comparison.is_complete else {}
    changes = SettingsChange.of(parts, declaration, comparison.candidates, signature, list(holds.values()))
    moves, rest = _pair_moves(parts, declaration, source, comparison.candidates, vanished)
    _leave_out(comparison, moves)
    _keep_quarantine(comparison, draft)
    rest = changes.settle(rest, draft)
    limit = _wave_limit(parts, declaration)
    work = moves[:limit]
    draft.settle("pending", len(moves) - len(work))
    work += _fill(parts, declaration, source, rest, changes, limit - len(work), draft)
    if draft.outcomes.get("pending"):
        draft.settle("pending", len(comparison.vanished))  # deletions wait for the last wave
    else:
        work += map(_deletion, decide_deletions(parts, declaration, source, comparison, draft))
    work += _restless_work(parts, declaration, work, draft)
    changes.record(draft)
    _forget_lapsed(declaration, comparison.returned, comparison.vanished_quarantine, draft)
    documents, batch_count = _in_batches(work, parts.settings)
    return Plan(
        run_id=run_id,
        declaration=declaration,
        stage_signature=signature,
        listed=draft.listed,
        listing_is_complete=comparison.is_complete,
        outcomes=draft.outcomes,
        documents=documents,
        batch_count=batch_count,
        problems=tuple(draft.problems),
        holds=tuple(draft.holds),
        notes=tuple(draft.notes),
    ), draft


def _holds(parts: Parts, declaration: SourceDeclaration) -> Mapping[tuple[str, str], HoldRow]:
    with parts.ledger.reading() as reading:
        return ledger_documents.list_holds(reading, declaration.collection, declaration.id)


def _leave_out(comparison: Comparison, moves: Sequence[PlannedDocument]) -> None:
    """A document that moved has not vanished."""
    moved_from = {item.previous_doc_id for item in moves}
    comparison.vanished = [item for item in comparison.vanished if item.doc_id not in moved_from]


def _keep_quarantine(comparison: Comparison, draft: Draft) -> None:
    """An incomplete listing proves nothing: what it lacks stays in quarantine."""
    if comparison.is_complete:
        return
    for row in comparison.vanished_quarantine:
        assert row.quarantined is not None
        draft.settle(row.quarantined.outcome)
        draft.problems.append(standing_problem(row.quarantined, hidden=row.hidden is not None))
    comparison.vanished_quarantine = []


def _wave_limit(parts: Parts, declaration: SourceDeclaration) -> int:
    with parts.ledger.reading() as reading:
        known = ledger_documents.count_live(reading, declaration.collection, declaration.id)
    return parts.settings.wave_documents if known else parts.settings.first_wave_documents


def _pair_moves(
    parts: Parts,
    declaration: SourceDeclaration,
    source: Source,
    candidates: Sequence[Candidate],
    vanished: dict[uuid.UUID, KnownDocument],
) -> tuple[list[PlannedDocument], list[Candidate]]:
    """New keys whose bytes are those of a document that vanished. Only equal sizes are worth reading."""
    by_content: dict[str, list[KnownDocument]] = {}
    for document in vanished.values():
        by_content.setdefault(document.content_sha, []).append(document)
    sizes = {document.size_bytes for document in vanished.values()}
    fresh = [item for item in candidates if item.known is None and item.listed.size_bytes in sizes]
    moves: list[PlannedDocument] = []
    paired: set[str] = set()
    for looked in _look(parts, source, fresh):
        matches = by_content.get(looked.content_sha or "", [])
        if matches and not source.exists(matches[0].natural_key):
            previous = matches.pop(0)
            paired.add(looked.candidate.listed.natural_key)
            moves.append(
                replace(
                    _planned(declaration, looked, "moved"),
                    action="move",
                    previous_doc_id=previous.doc_id,
                    previous_key=previous.natural_key,
                )
            )
    return moves, [item for item in candidates if item.listed.natural_key not in paired]


def _fill(
    parts: Parts,
    declaration: SourceDeclaration,
    source: Source,
    candidates: Sequence[Candidate],
    changes: SettingsChange,
    room: int,
    draft: Draft,
) -> list[PlannedDocument]:
    """Work for the wave, in the order of keys; what does not fit is pending."""
    work: list[PlannedDocument] = []
    tokens: dict[uuid.UUID, str | None] = {}
    waiting = iter(candidates)
    while len(work) < room:
        part = list(islice(waiting, min(256, room - len(work))))
        if not part:
            break
        for looked in _look(parts, source, [item for item in part if _must_be_read(item)]):
            work.extend(_after_look(declaration, looked, changes, tokens, draft))
        work.extend(
            _planned(
                declaration,
                _Looked(item, item.known.content_sha if item.known else None),
                _reason(item, changes.signature),
            )
            for item in part
            if not _must_be_read(item)
        )
    draft.settle("pending", sum(1 for _ in waiting))
    draft.effects.append(lambda tx: ledger_documents.remember_token(tx, declaration.collection, tokens))
    return sorted(work, key=lambda item: ledger_documents.key_bytes(item.natural_key))


def _must_be_read(candidate: Candidate) -> bool:
    """Whether only the bytes can tell if there is work: known under another token, or quarantined."""
    return (candidate.known is not None and not candidate.content_is_same) or candidate.quarantined is not None


def _reason(candidate: Candidate, signature: str) -> Reason:
    if candidate.known is None:
        return "new"
    return "settings" if candidate.known.stage_signature != signature else "facts"


def _after_look(
    declaration: SourceDeclaration,
    looked: _Looked,
    changes: SettingsChange,
    tokens: dict[uuid.UUID, str | None],
    draft: Draft,
) -> Iterator[PlannedDocument]:
    """The second gate: the hash of the bytes decides."""
    known, quarantined = looked.candidate.known, looked.candidate.quarantined
    signature = changes.signature
    if (
        quarantined is not None
        and looked.content_sha == quarantined.content_sha
        and (quarantined.stage_signature == signature)
    ):
        stand(looked.candidate, declaration, draft)
        return
    if known is None or looked.content_sha != known.content_sha:
        yield _planned(declaration, looked, "content" if known is not None else "new")
        return
    tokens[known.doc_id] = looked.candidate.listed.version_token
    if known.stage_signature == signature and known.facts_sha == looked.candidate.facts_sha:
        draft.settle("unchanged")
        if quarantined is not None:  # it is its last good version again
            draft.effects.append(partial(_release, declaration, known.natural_key))
    elif not changes.holds_back(looked.candidate, draft):
        yield _planned(declaration, looked, _reason(looked.candidate, signature))


def _release(declaration: SourceDeclaration, natural_key: str, tx: Transaction) -> None:
    ledger_documents.drop_holds(tx, declaration.collection, declaration.id, [natural_key])
    quarantine_rows.leave_quarantine(tx, declaration.collection, declaration.id, [natural_key])


def _look(parts: Parts, source: Source, candidates: Iterable[Candidate]) -> Iterator[_Looked]:
    """Read and hash. A fetch that fails leaves the hash open: extraction meets the same failure and records it."""

    def hashed(candidate: Candidate) -> _Looked:
        try:
            content = source.fetch(candidate.listed.natural_key, version_token=candidate.listed.version_token)
        except (TransientError, DocumentError):
            return _Looked(candidate, None)
        return _Looked(candidate, None if content is None else sha256_bytes(content))

    with ThreadPoolExecutor(max_workers=parts.settings.fetch_threads) as pool:
        waiting = iter(candidates)
        while part := list(islice(waiting, 64)):
            yield from pool.map(hashed, part)


def _planned(declaration: SourceDeclaration, looked: _Looked, reason: Reason) -> PlannedDocument:
    listed = looked.candidate.listed
    return PlannedDocument(
        action="ingest",
        reason=reason,
        doc_id=document_id(declaration.tenant, declaration.id, listed.natural_key),
        natural_key=listed.natural_key,
        version_token=listed.version_token,
        size_bytes=listed.size_bytes,
        modified_at=listed.modified_at.timestamp(),
        metadata=dict(listed.metadata),
        acl=listed.acl,
        # Facts that could not be read are looked at again in every run, until they can be.
        facts_sha="" if listed.access_problem is not None else looked.candidate.facts_sha,
        content_sha=looked.content_sha,
    )


def _restless_work(
    parts: Parts, declaration: SourceDeclaration, work: Sequence[PlannedDocument], draft: Draft
) -> list[PlannedDocument]:
    """Last good versions that are hidden or shown again, judged with what this wave deletes."""
    leaving = sum(1 for item in work if item.action == "delete")
    return [_restless(declaration, item) for item in decide_restless(parts, declaration, draft, leaving)]


def _restless(declaration: SourceDeclaration, candidate: Candidate) -> PlannedDocument:
    """Hide or show the last good version of a document that stays in quarantine."""
    shown, hidden = candidate.known, candidate.hidden
    known = shown or hidden
    assert known is not None
    planned = _planned(declaration, _Looked(candidate, known.content_sha), "kept")
    if shown is None:
        return replace(planned, action="show")
    assert candidate.quarantined is not None
    reason: Reason = "unsupported" if candidate.quarantined.outcome == "unsupported" else "quarantined"
    return replace(planned, action="hide", reason=reason)


def _deletion(document: KnownDocument) -> PlannedDocument:
    return PlannedDocument(
        action="delete",
        reason="vanished",
        doc_id=document.doc_id,
        natural_key=document.natural_key,
        version_token=None,
        size_bytes=0,
        modified_at=0.0,
        metadata={},
        acl=document.acl,
        facts_sha=document.facts_sha,
        content_sha=document.content_sha,
    )


def _forget_lapsed(
    declaration: SourceDeclaration,
    returned: Sequence[str],
    vanished_quarantine: Sequence[Known],
    draft: Draft,
) -> None:
    """Holds of documents that came back lapse; quarantine rows of documents that are gone go too."""
    draft.settle("gone", len(vanished_quarantine))

    def forget(tx: Transaction) -> None:
        ledger_documents.drop_holds(tx, declaration.collection, declaration.id, returned)
        gone = [row.natural_key for row in vanished_quarantine]
        quarantine_rows.leave_quarantine(tx, declaration.collection, declaration.id, gone)

    draft.effects.append(forget)


def _in_batches(
    work: Sequence[PlannedDocument], settings: IndexingSettings
) -> tuple[tuple[PlannedDocument, ...], int]:
    """Number the batches so that each has about the same bytes; as few as make sense, at most ``batches``."""
    if not work:
        return (), 0
    count = max(1, min(settings.batches, math.ceil(len(work) / settings.documents_per_batch)))
    loads = [0] * count
    numbered: list[PlannedDocument] = []
    for item in sorted(work, key=lambda planned: -planned.size_bytes):
        lightest = min(range(count), key=lambda number: (loads[number], number))
        loads[lightest] += item.size_bytes + 4_096
        numbered.append(replace(item, batch=lightest))
    return tuple(
        sorted(numbered, key=lambda item: (item.batch, ledger_documents.key_bytes(item.natural_key)))
    ), count

"""Compare a listing with the ledger: a merge of two sorted streams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from wellread.documents import SourceObject
from wellread.errors import SourceUnavailableError
from wellread.indexing.access import decide_access
from wellread.indexing.parts import Parts
from wellread.indexing.plans import AccessChange, Draft
from wellread.ledger import purges
from wellread.ledger.documents import Known, KnownDocument, QuarantineRow, key_bytes, stream_known
from wellread.runs import SourceDeclaration
from wellread.sources.protocol import Listing, Source


@dataclass(frozen=True, slots=True)
class Candidate:
    """A listed object that is not proven unchanged."""

    listed: SourceObject
    facts_sha: str
    known: KnownDocument | None
    quarantined: QuarantineRow | None
    content_is_same: bool
    """The token proves the bytes unchanged: only settings or facts differ."""
    hidden: KnownDocument | None = None
    """Its last good version, where that is hidden."""


@dataclass(slots=True)
class Comparison:
    """What the merge found. Only what needs work is kept; the rest is counted."""

    candidates: list[Candidate] = field(default_factory=list)
    vanished: list[KnownDocument] = field(default_factory=list)
    vanished_quarantine: list[Known] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    """Listed keys; kept only where a hold names them."""
    is_complete: bool = False


def compare(
    parts: Parts, declaration: SourceDeclaration, source: Source, signature: str, held: set[str], draft: Draft
) -> Comparison:
    """Merge the listing with what is known. Counts settled documents in ``draft``."""
    comparison = Comparison()
    listing = source.list_objects()
    known = stream_known(parts.ledger, declaration.collection, declaration.id)
    with parts.ledger.reading() as reading:
        purged = purges.purged_keys(reading, declaration.collection, declaration.id)
    for listed, row in _merged(_sorted(listing, declaration), known):
        if listed is None:
            assert row is not None
            _note_vanished(row, comparison)
            continue
        draft.listed += 1
        if listed.natural_key in held:
            comparison.returned.append(listed.natural_key)
        if listed.natural_key in purged:
            draft.settle("held")
            draft.holds.append({"document": listed.natural_key, "reason": "it was purged"})
        else:
            _judge(listed, row, declaration, signature, comparison, draft)
        parts.progress.advance("list")
    comparison.is_complete = listing.is_complete
    return comparison


def _note_vanished(row: Known, comparison: Comparison) -> None:
    if row.document is not None:
        comparison.vanished.append(row.document)
    elif row.quarantined is not None:
        comparison.vanished_quarantine.append(row)


def _judge(
    listed: SourceObject,
    row: Known | None,
    declaration: SourceDeclaration,
    signature: str,
    comparison: Comparison,
    draft: Draft,
) -> None:
    known, hidden = (None, None) if row is None else (row.document, row.hidden)
    kept = known or hidden
    listed, facts = decide_access(declaration, listed, kept, draft)
    if kept is not None and kept.acl != listed.acl:  # pinned snapshots go on showing what is hidden
        draft.access_changes.append(AccessChange(kept.doc_id, kept.natural_key, kept.acl, listed.acl))
    quarantined = None if row is None else row.quarantined
    if quarantined is not None and _still_in_quarantine(quarantined, listed, signature):
        stand(
            Candidate(listed, facts, known, quarantined, content_is_same=False, hidden=hidden), declaration, draft
        )
        return
    same_token = (
        known is not None and listed.version_token is not None and listed.version_token == known.version_token
    )
    if known is not None and same_token and known.stage_signature == signature and known.facts_sha == facts:
        draft.settle("unchanged")
        return
    is_same = same_token and quarantined is None
    comparison.candidates.append(Candidate(listed, facts, known, quarantined, is_same, hidden))


def _still_in_quarantine(row: QuarantineRow, listed: SourceObject, signature: str) -> bool:
    same_token = row.version_token is not None and row.version_token == listed.version_token
    return same_token and row.stage_signature == signature


def stand(candidate: Candidate, declaration: SourceDeclaration, draft: Draft) -> None:
    """A document stays in quarantine; what readers see of it must still agree with ``on_failure``."""
    assert candidate.quarantined is not None
    if (candidate.known if declaration.on_failure == "hide" else candidate.hidden) is not None:
        draft.restless.append(candidate)
        return
    draft.settle(candidate.quarantined.outcome)
    draft.problems.append(standing_problem(candidate.quarantined, hidden=candidate.hidden is not None))


def standing_problem(row: QuarantineRow, *, hidden: bool = False) -> dict[str, object]:
    """A quarantined document in a balance sheet: a standing one counts in each run."""
    return {
        "document": row.natural_key,
        "outcome": row.outcome,
        "stage": row.stage,
        "cause": row.cause,
        "found": row.detail.get("found"),
        "remedy": row.detail.get("remedy"),
        "hidden": hidden,
        "standing": True,
    }


def _sorted(listing: Listing, declaration: SourceDeclaration) -> Iterator[SourceObject]:
    """The listing, with its order asserted: a merge over an unsorted one would delete documents."""
    last: bytes | None = None
    for listed in listing.objects:
        key = key_bytes(listed.natural_key)
        if last is not None and key <= last:
            raise SourceUnavailableError(
                f"list the source {declaration.id!r} at {declaration.location}",
                found=f"its listing is not sorted by UTF-8 bytes: {listed.natural_key!r} comes after {last!r}",
                remedy="This is a fault of the source or its endpoint; nothing was changed.",
            )
        last = key
        yield listed


def _merged(
    listing: Iterator[SourceObject], known: Iterator[Known]
) -> Iterator[tuple[SourceObject | None, Known | None]]:
    listed, row = next(listing, None), next(known, None)
    while listed is not None or row is not None:
        if row is None or (listed is not None and key_bytes(listed.natural_key) < key_bytes(row.natural_key)):
            yield listed, None
            listed = next(listing, None)
        elif listed is None or key_bytes(row.natural_key) < key_bytes(listed.natural_key):
            yield None, row
            row = next(known, None)
        else:
            yield listed, row
            listed, row = next(listing, None), next(known, None)

"""A change of settings that would embed much again waits for a person, as a mass deletion does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wellread.indexing.comparing import Candidate
from wellread.indexing.estimating import Estimate, embeddings_again
from wellread.indexing.parts import Parts
from wellread.indexing.plans import Draft
from wellread.indexing.settings import SettingsChangeSettings
from wellread.ledger import documents as ledger_documents
from wellread.ledger.database import Transaction
from wellread.ledger.documents import HoldRow
from wellread.runs import SourceDeclaration


def reason_to_hold(estimate: Estimate, settings: SettingsChangeSettings) -> str | None:
    """Why a change of settings waits for a person; ``None``: it need not."""
    documents, most = estimate.documents, estimate.embeddings.high
    what = f"a change of settings touches {documents} documents with {most} chunks"
    if settings.hold_above_embeddings is not None and most > settings.hold_above_embeddings:
        return f"{what}, above the limit of {settings.hold_above_embeddings} embeddings"
    limit_usd, high_usd = settings.hold_above_usd, estimate.high_usd
    if limit_usd is not None and high_usd is not None and high_usd > limit_usd:
        return f"{what}: up to ${high_usd:.2f} ({estimate.price_source}), above the limit of ${limit_usd:.2f}"
    return None


@dataclass(slots=True)
class SettingsChange:
    """What becomes of the documents that only other settings touch, in one plan."""

    declaration: SourceDeclaration
    signature: str
    """The stage signature of now."""
    reason: str | None
    """Why such documents are held; ``None``: they are not."""
    approved: frozenset[str]
    """Keys that a person let through, for this very signature."""
    standing: frozenset[str]
    """Keys with a settings hold."""
    held: dict[str, str] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        parts: Parts,
        declaration: SourceDeclaration,
        candidates: Sequence[Candidate],
        signature: str,
        holds: Sequence[HoldRow],
    ) -> SettingsChange:
        """Judge all documents that other settings touch together, those of later waves too."""
        standing = [row for row in holds if row.kind == "settings"]
        current = [row for row in standing if row.version_hash == signature]
        approved = frozenset(row.natural_key for row in current if row.approved)
        touched = [
            item.known
            for item in candidates
            if item.known is not None
            and item.known.stage_signature != signature
            and item.known.natural_key not in approved
        ]
        reason = None
        if touched:
            estimate = embeddings_again(parts, declaration.collection, touched)
            reason = reason_to_hold(estimate, parts.settings.settings_changes)
        # A rest, after most were done or let through, must not slip under the limit that they were held by.
        waiting = [row for row in current if not row.approved]
        if reason is None and touched and waiting:
            reason = waiting[0].reason
        names = frozenset(row.natural_key for row in standing)
        return cls(declaration, signature, reason, approved, names)

    def settle(self, candidates: Sequence[Candidate], draft: Draft) -> list[Candidate]:
        """Those that go on; what is held without a look at its bytes is settled."""
        return [item for item in candidates if not (item.content_is_same and self.holds_back(item, draft))]

    def holds_back(self, candidate: Candidate, draft: Draft) -> bool:
        """Whether a document, whose bytes are the same, has no other reason than settings and is held."""
        known = candidate.known
        if known is None or known.stage_signature == self.signature or known.facts_sha != candidate.facts_sha:
            return False
        self.touched.add(known.natural_key)
        if self.reason is None or known.natural_key in self.approved:
            return False
        self.held[known.natural_key] = self.signature
        draft.settle("held")
        draft.holds.append({"document": known.natural_key, "reason": self.reason})
        return True

    def record(self, draft: Draft) -> None:
        """What the ledger should remember; holds that mean nothing any more lapse."""
        if self.held:
            draft.notes.append(
                f"{len(self.held)} documents are held as they are: {self.reason}. "
                f"Let them through with: wellread approve {self.declaration.id}"
            )
        lapsed = sorted(self.standing - self.touched)
        name, source = self.declaration.collection, self.declaration.id
        held, reason = dict(self.held), self.reason or ""

        def remember(tx: Transaction) -> None:
            if not draft.outcomes.get("pending"):  # what no wave has looked at yet keeps its hold
                ledger_documents.drop_holds(tx, name, source, lapsed)
            if held:
                ledger_documents.hold(tx, name, source, held, reason, kind="settings")

        draft.effects.append(remember)

"""What a run means to do: frozen before anything is done, and printable."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from wellread.documents import Acl
from wellread.ledger.database import Transaction
from wellread.ledger.leases import Lease
from wellread.runs import SourceDeclaration

if TYPE_CHECKING:
    from wellread.indexing.comparing import Candidate

Action = Literal["ingest", "move", "delete", "hide", "show"]
READING: frozenset[Action] = frozenset({"ingest", "move"})
"""For these a document is read and extracted."""
CLOSING: frozenset[Action] = frozenset({"delete", "hide"})
"""These only close what readers see."""
"""``hide``: the last good version of a quarantined document. ``show``: the same again."""
Reason = Literal["new", "content", "settings", "facts", "moved", "vanished", "quarantined", "unsupported", "kept"]
"""Of a hidden document: the outcome of its newer version; ``kept``: its source keeps last good versions."""


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """One document's part in a plan."""

    action: Action
    reason: Reason
    doc_id: uuid.UUID
    natural_key: str
    version_token: str | None
    size_bytes: int
    modified_at: float
    metadata: Mapping[str, str | int | float | bool]
    acl: Acl
    facts_sha: str
    content_sha: str | None = None
    """Known where the plan had to read the bytes, or where they are known to be unchanged."""
    previous_doc_id: uuid.UUID | None = None
    """Of a move: the document that had this content under another key."""
    previous_key: str | None = None
    batch: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """One wave of one source, frozen as an artifact under the run's id."""

    run_id: str
    declaration: SourceDeclaration
    stage_signature: str
    listed: int
    listing_is_complete: bool
    outcomes: Mapping[str, int]
    """What the plan could already settle: unchanged, held, pending, standing quarantine, ..."""
    documents: tuple[PlannedDocument, ...]
    batch_count: int
    problems: tuple[Mapping[str, Any], ...] = ()
    holds: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()

    def summary(self) -> dict[str, object]:
        """For ``--dry-run``: counts by action and reason."""
        by_reason: dict[str, int] = {}
        for document in self.documents:
            by_reason[document.reason] = by_reason.get(document.reason, 0) + 1
        return {
            "source": self.declaration.id,
            "collection": self.declaration.collection,
            "listed": self.listed,
            "work": by_reason,
            "settled": dict(self.outcomes),
            "batches": self.batch_count,
            "documents": [
                {
                    "action": item.action,
                    "reason": item.reason,
                    "document": item.natural_key,
                    "from": item.previous_key,
                }
                for item in self.documents
            ],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class RunHandle:
    """What tasks pass to each other about a run: small enough for an XCom."""

    run_id: str
    collection: str
    source_id: str
    plan_ref: str
    lease_holder: str
    lease_token: int
    revision: int | None
    """``None``: there is nothing to do."""
    batch_count: int
    pending: int = 0
    """Documents left for the next wave."""
    budget_id: str | None = None
    """Whose ``run_usd`` counts, where several waves share it; ``None``: the run's own."""

    def as_dict(self) -> dict[str, Any]:
        """For an XCom."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> RunHandle:
        """The inverse of :meth:`as_dict`."""
        return cls(**value)

    @property
    def lease_name(self) -> str:
        """One lease a source."""
        return lease_name(self.collection, self.source_id)

    @property
    def lease(self) -> Lease:
        """The lease that the run was planned under."""
        return Lease(self.lease_name, self.lease_holder, self.lease_token)


def lease_name(collection: str, source_id: str) -> str:
    """The name of a source's lease."""
    return f"source {collection}/{source_id}"


@dataclass(frozen=True, slots=True)
class AccessChange:
    """A live document that others may read from now on."""

    doc_id: uuid.UUID
    natural_key: str
    before: Acl
    after: Acl


@dataclass(slots=True)
class Draft:
    """A plan while it grows."""

    listed: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    problems: list[Mapping[str, Any]] = field(default_factory=list)
    holds: list[Mapping[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    effects: list[Callable[[Transaction], None]] = field(default_factory=list)
    """What the ledger should remember of planning itself; applied when the plan is frozen, never by a dry run."""

    restless: list[Candidate] = field(default_factory=list)
    """In quarantine as before, but their last good version is shown or hidden against ``on_failure``."""
    access_changes: list[AccessChange] = field(default_factory=list)
    """Of all listed documents, those of later waves and in quarantine too."""

    def settle(self, outcome: str, count: int = 1) -> None:
        """Count documents whose state is clear without work."""
        if count:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count

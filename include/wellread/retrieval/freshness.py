"""The floor of freshness: refuse to read an index that lacks what the caller knows must be there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from wellread.errors import SettingsError, StaleIndexError
from wellread.retrieval.heads import HeadCache
from wellread.retrieval.options import RetrievalCall
from wellread.snapshots import Head
from wellread.stores.protocol import Scope


@dataclass(frozen=True, slots=True)
class Freshness:
    """As of when a collection is true to some of its sources, and the head that shows it."""

    true_as_of: datetime | None
    """When the oldest of the sources' last complete runs began, whether or not it found a change. ``None``: a
    source has had no such run."""
    head_seq: int
    """The head that holds what these runs published; 0: there is none."""


AskFreshness = Callable[[str, Scope], Freshness]
"""(collection, scope) -> what is recorded of the scope's ``source_ids``, else of all sources of its tenant."""


def head_above_floor(
    heads: HeadCache,
    collection: str,
    call: RetrievalCall,
    *,
    scope: Scope,
    freshness: AskFreshness | None,
) -> Head:
    """The newest head, read anew where the remembered one does not do.

    Raises:
        StaleIndexError: The index has not got there yet; a later try may succeed.
        SettingsError: ``fresh_since`` where nobody knows when sources were ingested.
    """
    least_seq = 0
    if call.fresh_since is not None:
        least_seq = _recorded_head(collection, scope, call.fresh_since, freshness)
    head = heads.newest(collection)
    if _fault(head, call, least_seq) is None:
        return head
    head = heads.newest(collection, renew=True)
    fault = _fault(head, call, least_seq)
    if fault is not None:
        raise StaleIndexError(
            f"search {collection!r} no earlier than was asked for",
            found=fault,
            remedy="Try again when it is published; an abandoned revision never will be.",
        )
    return head


def _fault(head: Head, call: RetrievalCall, least_seq: int) -> str | None:
    """What a head lacks. A pinned snapshot was checked with the call."""
    if head.seq < least_seq:
        return f"head {least_seq} is recorded but not yet written, the newest is {head.seq}"
    if call.snapshot is None and call.least_revision is not None and not head.snapshot.has(call.least_revision):
        return f"revision {call.least_revision} is not in its newest snapshot {head.snapshot.as_text()}"
    return None


def _recorded_head(collection: str, scope: Scope, since: datetime, freshness: AskFreshness | None) -> int:
    asked = f"search {collection!r} as of {since.isoformat()} or later"
    if freshness is None:
        raise SettingsError(
            asked,
            found="this retriever has no ledger, and only a ledger knows when sources were ingested",
            remedy="Use a workspace's retriever, or ask for least_revision.",
        )
    known = freshness(collection, scope)
    if known.true_as_of is None or known.true_as_of < since:
        as_of = known.true_as_of
        found = "a source has had no complete run" if as_of is None else f"it is true as of {as_of.isoformat()}"
        raise StaleIndexError(asked, found=found, remedy="Ingest the sources, then try again.")
    return known.head_seq

"""Retire a source whose declaration is gone: its documents are closed by one ordinary revision."""

from __future__ import annotations

import time

from wellread.errors import LeaseHeldError, SettingsError
from wellread.indexing import loading
from wellread.indexing.heads import flush_heads, known_projection, parts_of_live
from wellread.indexing.parts import Parts
from wellread.indexing.publishing import publish_revision
from wellread.indexing.recovering import abandon_open, clean_abandoned
from wellread.indexing.same_history import require_belonging
from wellread.ledger import document_rows, explanations
from wellread.runs import BalanceSheet
from wellread.upkeep.reverting import Revert
from wellread.upkeep.source_leases import source_lease
from wellread.upkeep.undoing import RETIREMENT, open_revert, revert_plan


def plan_retirement(parts: Parts, collection: str, source_id: str) -> Revert:
    """What a retirement closes: every live document.

    Raises ``SettingsError`` for an unknown source, ``EpochMismatchError`` if ledger or store were restored or lost.
    """
    require_belonging(parts, collection, asked=f"retire the source {source_id!r}")
    with parts.ledger.reading() as reading:
        rows = explanations.find_source_rows(reading, collection, source_id)
        if not rows:
            raise SettingsError(
                f"retire the source {source_id!r}",
                found=f"it has never run into {collection!r}",
                remedy="See `wellread status` for the sources that have.",
            )
        removed = document_rows.live_keys(reading, collection, source_id)
    return Revert(collection, source_id, str(rows[0]["tenant"]), (), {}, removed)


def retire(parts: Parts, confirmed: Revert) -> BalanceSheet | None:
    """Close what was confirmed and mark the source; ``None``: it had no documents any more.

    Pinned snapshots go on showing them, and ``undo`` of the run brings them back. Killed, it is repeated.
    The caller has made sure that no declaration is left. Raises ``LeaseHeldError`` while a run of the source
    is at work, or where one has run since the confirmation.
    """
    started = time.monotonic()
    collection, source_id = confirmed.collection, confirmed.source_id
    with source_lease(parts, collection, source_id, purpose="retire") as held:
        parts = parts_of_live(parts, collection)
        projection = known_projection(parts, collection)
        flush_heads(parts, collection)
        abandon_open(parts, collection, source_id, fence=held.fence)
        clean_abandoned(parts, projection, source_id, fence=held.fence)
        if plan_retirement(parts, collection, source_id) != confirmed:
            raise LeaseHeldError(
                f"retire the source {source_id!r}",
                found="it has run since the list was confirmed",
                remedy="Ask for the list again and confirm it.",
            )
        sheet = None
        if confirmed.removed:
            plan = revert_plan(parts, confirmed, purpose=RETIREMENT, note="Its declaration is gone: retired.")
            highest = parts.store.highest_revision(projection)
            run = open_revert(parts, confirmed, plan, held, highest=highest, is_held=False)
            loading.load_batch(parts, plan.declaration, run, 0)
            sheet = publish_revision(parts, plan, run, seconds=time.monotonic() - started).sheet
        with parts.ledger.transaction() as tx:
            held.fence.hold(tx)
            document_rows.mark_retired(tx, collection, source_id, retired=True)
    return sheet

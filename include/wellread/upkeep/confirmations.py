"""What a person confirms before something goes, as one word: it differs where the confirmation no longer holds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from wellread.artifacts.codec import encode
from wellread.indexing.parts import Parts
from wellread.ledger import explanations, purges
from wellread.upkeep.former_names import PurgeTarget
from wellread.upkeep.reverting import Revert

_RUNS_LOOKED_AT = 100
_ENDED_WITHOUT_A_TRACE = {"running", "failed"}


@dataclass(frozen=True, slots=True)
class PurgeStanding:
    """How a document stands before a purge, or after one."""

    fingerprint: str
    """Differs once the document has changed, has come again, or has been purged."""
    state: str | None
    """``purging`` or ``purged``; ``None``: no purge holds it off."""
    receipt: str | None
    """The reference of the receipt, of a finished purge."""


def purge_standing(parts: Parts, target: PurgeTarget) -> PurgeStanding:
    """Read the ledger; nothing is changed.

    A version that comes again after a purge has another revision, so an old confirmation never holds for it.
    """
    collection, source_id, name = target.collection, target.source_id, target.natural_key
    with parts.ledger.reading() as reading:
        row = purges.find_purge(reading, collection, source_id, name)
        known = explanations.find_document_rows(reading, collection, name)
        troubled = explanations.find_quarantine_rows(reading, collection, name)
    facts = (
        [
            (str(item["doc_id"]), item["state"], item["content_sha"], item["revision"])
            for item in _own(known, source_id)
        ],
        [(item["content_sha"], item["first_at"]) for item in _own(troubled, source_id)],
        None if row is None else (row["state"], row["finished_at"]),
    )
    return PurgeStanding(
        _word((target, facts)),
        state=None if row is None else row["state"],
        receipt=None if row is None else row["receipt_ref"],
    )


def retirement_fingerprint(parts: Parts, plan: Revert) -> str:
    """Of what a retirement closes, and of the last run that counted: after an undo it is another one."""
    with parts.ledger.reading() as reading:
        runs = explanations.find_runs_of_source(reading, plan.collection, plan.source_id, limit=_RUNS_LOOKED_AT)
    counted = [row["run_id"] for row in runs if row["state"] not in _ENDED_WITHOUT_A_TRACE]
    return _word((plan, counted[:1]))


def _own(rows: Sequence[explanations.Row], source_id: str) -> list[explanations.Row]:
    return [row for row in rows if row["source_id"] == source_id]


def _word(value: object) -> str:
    return hashlib.sha256(encode(value)).hexdigest()

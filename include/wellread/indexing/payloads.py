"""The bytes of quarantined documents as they were, kept for a person's look and dropped when nobody needs them.

They are stored at publication, not where a document fails: a run that is stopped quarantines nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from wellread.artifacts.references import reference_of
from wellread.errors import WellreadError
from wellread.identities import sha256_bytes
from wellread.indexing.parts import Parts
from wellread.indexing.plans import RunHandle
from wellread.ledger import quarantine_rows, revisions, run_records
from wellread.ledger.run_records import StagedRow
from wellread.sources.protocol import Source

_KIND = "payloads"


def keep_payloads(parts: Parts, run: RunHandle, opened: Callable[[], AbstractContextManager[Source]]) -> int:
    """Store the bytes of this run's quarantined documents; returns how many. Repeating it goes on where it was.

    ``opened`` opens the source: nothing is read where nothing failed. A source that does not answer is noted and
    stops nothing; a full artifact store does (``StorageFullError``).
    """
    if run.revision is None:
        return 0
    with parts.ledger.reading() as reading:
        if revisions.find_revision(reading, run.collection, run.revision).state != "open":
            return 0
        rows = run_records.staged_documents(reading, run.collection, run.revision, state="failed")
    waiting = [row for row in rows if row.outcome == "quarantined" and "payload" not in (row.detail or {})]
    if not waiting:
        return 0
    kept = 0
    with ExitStack() as stack:
        source: Source | WellreadError
        try:
            source = stack.enter_context(opened())
        except WellreadError as error:
            source = error
        for row in waiting:
            payload = _keep(parts, source, run, row)
            kept += "reference" in payload
            with parts.ledger.transaction() as tx:
                revisions.require_open(tx, run.collection, run.revision)
                detail = {**(row.detail or {}), "payload": payload}
                run_records.update_staged(tx, run.collection, run.revision, row.doc_id, detail=detail)
    return kept


def _keep(parts: Parts, source: Source | WellreadError, run: RunHandle, row: StagedRow) -> dict[str, str | int]:
    """Its reference and size, or why there is none."""
    content_sha, limit = row.facts.get("content_sha"), parts.settings.quarantine.payload_max_bytes
    if not content_sha:
        return {"note": "its bytes could not be read"}
    too_large = f"larger than indexing.quarantine.payload_max_bytes ({limit:,})"
    if int(row.facts["size_bytes"]) > limit:
        return {"note": too_large}
    try:
        content = _read_again(source, row)
    except WellreadError as error:
        return {"note": f"its bytes could not be read again: {error.found}"}
    if content is None or sha256_bytes(content) != content_sha:
        return {"note": "it had changed at its source before its bytes could be kept"}
    if len(content) > limit:  # it grew after it was listed
        return {"note": too_large, "size_bytes": len(content)}
    reference = reference_of(_KIND, content)
    with parts.ledger.transaction() as tx:
        quarantine_rows.expect_payload(tx, run.collection, row.doc_id, reference)
    parts.artifacts.put(_KIND, content)
    return {"reference": reference, "size_bytes": len(content)}


def _read_again(source: Source | WellreadError, row: StagedRow) -> bytes | None:
    if isinstance(source, WellreadError):
        raise source
    return source.fetch(row.facts["natural_key"], version_token=row.facts.get("version_token"))


def drop_payloads(parts: Parts) -> int:
    """Delete the payloads that nothing refers to any more; returns how many."""
    with parts.ledger.reading() as reading:
        references = quarantine_rows.loose_references(reading)
    dropped = 0
    for reference in references:
        with parts.ledger.transaction() as tx:
            dropped += quarantine_rows.drop_payload(tx, reference, parts.artifacts.delete)
    return dropped

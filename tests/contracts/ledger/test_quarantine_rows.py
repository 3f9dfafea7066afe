"""Payloads of quarantined documents: nobody's are dropped, and nobody stores one that is being dropped."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import sqlalchemy as sa

from wellread.ledger import documents, quarantine_rows, run_records
from wellread.ledger.database import Ledger
from wellread.ledger.purge_schema import document_artifacts
from wellread.ledger.quarantine_rows import drop_payload, expect_payload, leave_quarantine, loose_references
from wellread.ledger.run_records import StagedRow

REFERENCE = f"payloads/{'a' * 64}"


def put(ledger: Ledger, key: str, *, reference: str | None = REFERENCE, source: str = "s") -> None:
    row: dict[str, Any] = {
        "natural_key": key,
        "outcome": "quarantined",
        "version_token": None,
        "content_sha": "a" * 64,
        "stage_signature": "sig",
        "stage": "parse",
        "cause": "damaged",
        "detail": {},
        "size_bytes": 3,
        "payload_ref": reference,
        "payload_note": None,
    }
    with ledger.transaction() as tx:
        if reference is not None:
            expect_payload(tx, "Docs", uuid.uuid5(uuid.NAMESPACE_URL, key), reference)
        quarantine_rows.put_in_quarantine(tx, "Docs", source, [row])


def drop(ledger: Ledger) -> list[str]:
    """What one look at the loose ones deletes."""
    deleted: list[str] = []
    with ledger.reading() as reading:
        references = loose_references(reading)
    for reference in references:
        with ledger.transaction() as tx:
            drop_payload(tx, reference, deleted.append)
    return deleted


def links(ledger: Ledger) -> int:
    with ledger.reading() as reading:
        return int(reading.execute(sa.select(sa.func.count()).select_from(document_artifacts)).scalar_one())


def test_a_payload_goes_with_the_last_row_that_refers_to_it(ledger: Ledger) -> None:
    put(ledger, "one")
    put(ledger, "two", source="other")
    assert (drop(ledger), links(ledger)) == ([], 2)
    with ledger.transaction() as tx:
        leave_quarantine(tx, "Docs", "s", ["one"])
    assert (drop(ledger), links(ledger)) == ([], 2)
    with ledger.transaction() as tx:
        leave_quarantine(tx, "Docs", "other", ["two"])
    assert (drop(ledger), links(ledger)) == ([REFERENCE], 0)
    assert drop(ledger) == []


def test_an_attempt_with_other_bytes_lets_the_old_ones_go(ledger: Ledger) -> None:
    put(ledger, "one")
    newer = f"payloads/{'b' * 64}"
    put(ledger, "one", reference=newer)
    assert drop(ledger) == [REFERENCE]
    put(ledger, "one", reference=None)
    assert drop(ledger) == [newer]
    with ledger.reading() as reading:
        (row,) = quarantine_rows.list_quarantine(reading, "Docs")
    assert (row["attempts"], row["payload_ref"], bool(row["hidden"])) == (3, None, False)


def test_a_payload_of_an_open_run_waits_for_its_end(ledger: Ledger) -> None:
    doc_id = uuid.uuid4()
    with ledger.transaction() as tx:
        row = StagedRow(doc_id, 0, "ingest", "failed", "quarantined", "parse", "damaged", {}, {})
        run_records.stage_documents(tx, "Docs", 1, [row])
        expect_payload(tx, "Docs", doc_id, REFERENCE)
    assert drop(ledger) == []
    with ledger.transaction() as tx:
        run_records.drop_staged(tx, "Docs", 1)
    assert drop(ledger) == [REFERENCE]


def test_whoever_stores_the_same_bytes_waits_until_they_are_dropped(ledger: Ledger) -> None:
    put(ledger, "one")
    with ledger.transaction() as tx:
        leave_quarantine(tx, "Docs", "s", ["one"])
    order: list[str] = []
    expected = threading.Event()

    def expect() -> None:
        with ledger.transaction() as tx:
            expect_payload(tx, "Docs", uuid.uuid4(), REFERENCE)
        order.append("expected")
        expected.set()

    other = threading.Thread(target=expect)

    def delete(_: str) -> None:
        other.start()
        expected.wait(0.3)
        order.append("deleted")

    with ledger.transaction() as tx:
        assert drop_payload(tx, REFERENCE, delete)
    other.join()
    assert order == ["deleted", "expected"]
    with ledger.reading() as reading:
        assert loose_references(reading) == [REFERENCE]


def test_a_hidden_document_is_known_and_no_longer_counts_as_live(ledger: Ledger) -> None:
    doc_id = uuid.uuid4()
    row = {
        "collection": "Docs",
        "doc_id": doc_id,
        "source_id": "s",
        "natural_key": "one",
        "state": "live",
        "version_token": None,
        "content_sha": "a",
        "size_bytes": 1,
        "modified_at": 5.0,
        "facts_sha": "f",
        "acl": ["*"],
        "stage_signature": "sig",
        "chunks_ref": "chunks/a",
        "version_hash": "v",
        "title": "t",
        "revision": 1,
        "changed_at": 0.0,
    }
    with ledger.transaction() as tx:
        documents.write_documents(tx, [row])
    put(ledger, "one")
    with ledger.transaction() as tx:
        quarantine_rows.mark_hidden(tx, "Docs", [doc_id], 2)
    (known,) = documents.stream_known(ledger, "Docs", "s")
    assert known.document is None
    assert known.hidden is not None
    assert known.hidden.modified_at == 5.0
    with ledger.reading() as reading:
        assert documents.count_live(reading, "Docs", "s") == 0
        assert documents.deleted_since(reading, "Docs", "s", seconds=60) == 1
        assert not documents.live_documents(reading, "Docs", [doc_id])
        assert documents.live_documents(reading, "Docs", [doc_id], with_hidden=True)
    with ledger.transaction() as tx:
        leave_quarantine(tx, "Docs", "s", ["one"])
    assert list(documents.stream_known(ledger, "Docs", "s")) == []
    with ledger.reading() as reading:
        assert documents.deleted_since(reading, "Docs", "s", seconds=60) == 1

"""A quarantined document is tried again when it is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from wellread.ledger import quarantine_rows
from wellread.ledger.redriving import mark_for_redrive, redriven

pytestmark = pytest.mark.weaviate


def test_a_marked_document_is_tried_once_more_and_then_stands(library: Any) -> None:
    library.files.write("broken.pdf", b"%PDF-1.4\nthis is no document at all\n")
    library.ingest()
    assert all(problem["standing"] for problem in library.ingest().problems)
    with library.open() as workspace, workspace.ledger.transaction() as tx:
        assert mark_for_redrive(tx, library.collection, natural_key="other.pdf") == []
        assert mark_for_redrive(tx, library.collection, cause="no such cause") == []
        assert mark_for_redrive(tx, library.collection, stage="no such stage") == []
        marked = mark_for_redrive(tx, library.collection, natural_key="broken.pdf")
        assert [item.outcome for item in redriven(tx, library.collection, marked)] == ["untried"]
    assert [key for _, key in marked] == ["broken.pdf"]
    assert library.ingest().outcomes["quarantined"] == 1
    with library.open() as workspace, workspace.ledger.reading() as reading:
        (row,) = quarantine_rows.list_quarantine(reading, library.collection)
        (told,) = redriven(reading, library.collection, marked)
    assert (told.outcome, told.stage, told.attempts) == ("failed", "parse", 2)
    assert row["attempts"] == 2
    assert row["stage_signature"]
    assert all(problem["standing"] for problem in library.ingest().problems)
    library.assert_exact(without=frozenset({"broken.pdf"}))

"""As of when an index is true to its sources: the last run that succeeded and left nothing over."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from wellread.ledger import run_records
from wellread.ledger.database import Ledger
from wellread.ledger.freshness import complete_runs_began
from wellread.ledger.schema import runs, sources


def put_source(ledger: Ledger, source_id: str, tenant: str = "t") -> None:
    row = {"collection": "Docs", "source_id": source_id, "tenant": tenant, "kind": "folder", "location": "/"}
    with ledger.transaction() as tx:
        tx.execute(sa.insert(sources).values(**row, created_at=1.0))


def put_run(ledger: Ledger, source_id: str, began_at: float, state: str = "succeeded", **left: int) -> None:
    documents = {"pending": 0, "failed_transient": 0, "quarantined": 3, **left}
    report: dict[str, Any] = {"sheet": {"documents": documents}} if state == "succeeded" else {"abandoned": True}
    run_id = f"{source_id}-{began_at}"
    with ledger.transaction() as tx:
        run_records.start_run(tx, run_id, "Docs", source_id)
        if state != "running":
            run_records.finish_run(tx, run_id, state=state, report=report)
        tx.execute(sa.update(runs).where(runs.c.run_id == run_id).values(started_at=began_at))


def began(ledger: Ledger, *source_ids: str) -> dict[str, float | None]:
    with ledger.reading() as reading:
        return complete_runs_began(reading, "Docs", tenant="t", source_ids=source_ids)


def test_only_complete_runs_count_and_the_latest_of_them(ledger: Ledger) -> None:
    put_source(ledger, "a")
    assert began(ledger) == {"a": None}
    put_run(ledger, "a", 10.0)
    put_run(ledger, "a", 20.0)
    assert began(ledger) == {"a": 20.0}
    put_run(ledger, "a", 30.0, pending=1)
    put_run(ledger, "a", 40.0, failed_transient=1)
    put_run(ledger, "a", 50.0, state="failed")
    put_run(ledger, "a", 60.0, state="running")
    assert began(ledger) == {"a": 20.0}


def test_the_sources_of_the_tenant_or_those_that_are_named(ledger: Ledger) -> None:
    for source_id, tenant in (("a", "t"), ("b", "t"), ("c", "u")):
        put_source(ledger, source_id, tenant)
        put_run(ledger, source_id, 10.0)
    assert set(began(ledger)) == {"a", "b"}
    assert began(ledger, "b", "never") == {"b": 10.0, "never": None}

"""What the pages of the operator's DAGs say of them."""

from __future__ import annotations

RECONCILE_DOC = """### Compare the index with the ledger, and repair it

Every object of the index is compared with its row in the ledger, and a sample of the vectors. What differs is
restored from ledger, artifacts and cached vectors: 0 embeddings, 0 source reads. Then objects that no reader can
see any more are deleted.

Weekly, and paused until somebody starts it. Without `repair` nothing is written, and a difference fails the run.
What a run of a source is working on is waited for, without a worker; the log says whom it waits for.
"""

REBUILD_DOC = """### Make a lost or damaged index again

A new copy is filled from ledger, artifacts and cached vectors beside the old one, audited, and switched to at once.
0 embeddings, 0 source reads; readers go on with the old copy until the switch. Runs of the collection's sources are
waited for, and wait until this has ended. A retry goes on where the last attempt stopped.
"""

UNDO_DOC = """### Put back what a run changed

* `plan_undo` lists the documents that the run, and every later run of its source, has changed
* `confirm_undo` shows the list and waits for a person, on Airflow's page under "Required Actions"
* `undo_run` puts them back by one new revision, and holds the source: its next run would bring the same again
* `release_source` runs where the form says so; otherwise mend the source, then start the DAG `release_source`

Where the source has run since the list was shown, nothing is done: start it again.
"""

RELEASE_DOC = """### Let the runs of a held source go on

After an undo a source is held. Mend it, then start this: its next run makes the index true to it again.
"""

MIGRATE_DOC = """### Move a collection to another embedding model

Set `embedder` to the new model and `previous_embedder` to the old one first, for every reader and run.

* `price_migration` counts what would be embedded, and its price
* `confirm_migration` shows it and waits for a person, on Airflow's page under "Required Actions"
* `migrate_index` fills a new copy beside the live one from stored chunks, audits it, asks both the golden
  questions, and switches readers to it by one head row: 0 source reads, 0 parses. Runs and queries go on

The step `rollback` makes the copy before the live one again, at once and with all that came since; `finish`
drops the copy that is not live. Both ask nobody.
"""

APPROVE_DOC = """### Approve held deletions

A run holds deletions back where too many documents are gone at once. `confirm_deletions` shows their names and
waits for a person; `approve_holds` approves exactly these; `start_ingestion` starts the source's DAG, which looks
again and deletes what is still gone. Where nothing is held, all tasks are skipped.

The form of `ingest__<source>` has a field for the same, without the list: `approve_held`.
"""

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

REDRIVE_DOC = """### Try documents in quarantine again

A document that could not be read waits in quarantine until it or the settings change. Start this where something
else is better now: a program was installed, a server is up again.

* `mark_documents` marks what the form names: all, or those of a source, a stage, a cause, or single documents
* `run_source`, once for each source of a marked document, runs it whole and announces what changed
* `report_documents` tells of each document whether it was read, failed again and why, or is gone from its source

It fails where a document was not tried to the end. A document that fails again stays in quarantine with one
attempt more; that is no fault of this run. Without `run` the documents are marked, and nothing else happens.
"""

RETIRE_DOC = """### Close the documents of a source that is gone

For a source whose YAML file is gone (or whose folder, where it was given by its path). Refused while it is
declared.

* `plan_retirement` lists its documents
* `confirm_retirement` shows them and waits for a person, on Airflow's page under "Required Actions"
* `retire_source` closes exactly these, by one revision

The DAG `undo_run` takes that back. Declared and ingested again, the source is in use again. Where the source has
run since the list was shown, nothing is done: start it again.
"""

PURGE_DOC = """### Remove the text of a document for ever

**Nothing brings it back.** Objects, vectors, artifacts, quarantine, and answers and responses that hold it go.

* `plan_purge` counts what would be removed, and changes nothing
* `confirm_purge` shows the counts and waits for a person, on Airflow's page under "Required Actions"
* `purge_document` removes it; its result links the receipt, which names what could not be reached

An approval holds for this document as it stood then, once: where it has changed, or was let in again, the task
fails. Its source's runs hold it off from then on; `wellread purge DOCUMENT --readmit` ends that. The document's
name and the reason stay in this run's form, its tasks and the receipt.
"""

VACUUM_DOC = """### Delete what no reader can see any more

Versions that were closed longer ago than the horizon (`indexing.horizon_seconds`) are deleted from the index. Every
run of a source, and `reconcile_index`, do the same at their end: this is for collections whose sources run seldom.
Daily, and paused until somebody starts it.
"""

"""Every reason why a document is, or is not, in the index, is named as it is."""

from __future__ import annotations

from typing import Any

import pytest

from wellread.ledger import documents as ledger_documents
from wellread.ledger import objects as ledger_objects
from wellread.ledger import revisions, schema
from wellread.workspace.upkeeping import explain_document

pytestmark = pytest.mark.weaviate


def told(world: Any, name: str, **options: Any) -> dict[str, Any]:
    with world.open() as workspace:
        explained = explain_document(workspace, name, **options).as_dict()
    assert len(explained["explanations"]) == 1, explained
    found: dict[str, Any] = explained["explanations"][0]
    return found


def test_a_visible_document_with_its_history_and_runs(library: Any) -> None:
    first = library.ingest()
    library.files.edit("amber.txt", "the quay and counts", "the long quay and counts")
    second = library.ingest()
    amber = told(library, "amber.txt")
    assert (amber["visible"], amber["state"], amber["to_do"]) == (True, "live", "Nothing.")
    assert amber["listing"] == {"listed": True, "changed": False, "problem": None}
    assert [(item["rev_from"], item["rev_to"], item["visible"]) for item in amber["history"]] == [
        (first.revision, second.revision, False),
        (second.revision, 0, True),
    ]
    assert {item["state"] for item in amber["history"]} == {"published"}
    visible = library.index().visible_chunks()[amber["doc_id"]]
    expected = {"expected": len(visible), "found": len(visible), "in_vector_index": len(visible)}
    assert amber["store"]["chunks"] == expected
    assert amber["history"][1]["chunks"] == len(visible)
    assert [item["change"] for item in amber["runs"]] == ["committed", "committed"]
    assert [item["change"] for item in told(library, "birch.txt")["runs"]] == [None, "committed"]
    assert told(library, amber["doc_id"])["document"] == "amber.txt"


def test_what_the_source_shows_since(library: Any) -> None:
    library.ingest()
    library.files.edit("amber.txt", "the quay and counts", "the long quay and counts")
    library.files.remove("birch.txt")
    library.files.write("yew.txt", library.prose("yew"))
    amber, birch, yew = (told(library, f"{name}.txt") for name in ("amber", "birch", "yew"))
    assert (amber["visible"], amber["listing"]["changed"]) == (True, True)
    assert "newer state" in amber["why"]
    assert (birch["visible"], birch["listing"]["listed"]) == (True, False)
    assert "no longer lists it" in birch["why"]
    assert (yew["visible"], yew["state"]) == (False, None)
    assert "no run has taken it up" in yew["why"]
    assert told(library, "amber.txt", ask_source=False)["listing"]["listed"] is None


def test_quarantine_with_and_without_a_good_version(library: Any) -> None:
    library.ingest()
    library.files.write("amber.txt", b"")
    library.files.write("broken.pdf", b"%PDF-1.4\nnothing\n")
    library.ingest()
    amber, broken = told(library, "amber.txt"), told(library, "broken.pdf")
    assert (amber["visible"], broken["visible"]) == (True, False)
    assert "last good version" in amber["why"]
    for item in (amber, broken):
        trouble = item["quarantine"]
        assert (trouble["outcome"], trouble["attempts"]) == ("quarantined", 1)
        assert trouble["stage"] in item["why"]
        assert trouble["cause"] in item["why"]
        assert item["runs"][0]["problem"] == trouble["cause"]


def test_deleted_moved_held_and_returned(library: Any) -> None:
    library.ingest()
    library.files.rename("amber.txt", "ambra.txt")
    library.files.remove("birch.txt")
    sheet = library.ingest()
    amber, birch = told(library, "amber.txt"), told(library, "birch.txt")
    assert (amber["visible"], amber["state"], amber["known"]["moved_to"]) == (False, "moved", "ambra.txt")
    assert (birch["visible"], birch["state"]) == (False, "deleted")
    assert f"revision {sheet.revision}" in birch["why"]
    library.files.write("birch.txt", library.prose("birch"))
    assert "listed again" in told(library, "birch.txt")["why"]
    for name in ("ambra", "cedar", "dogwood", "elm", "fir"):
        library.files.remove(f"{name}.txt")
    library.ingest()
    cedar = told(library, "cedar.txt")
    assert (cedar["visible"], cedar["hold"]["approved"]) == (True, False)
    assert "wellread approve papers" in cedar["to_do"]


def test_withdrawn_documents_and_sources(library: Any) -> None:
    library.ingest()
    with library.open() as workspace, workspace.ledger.transaction() as tx:
        row = {
            "collection": library.collection,
            "kind": "source",
            "value": "papers",
            "reason": "a court",
            "since": 1.0,
        }
        tx.execute(schema.denied.insert().values(**row))
    amber = told(library, "amber.txt")
    assert (amber["visible"], amber["denied"]) == (False, [{"by": "source", "reason": "a court"}])


def test_an_open_run(library: Any) -> None:
    with library.open() as workspace:
        run = workspace.runner.plan(library.declaration(), run_id="slow", one_process=False)
        workspace.runner.extract(run, 0)
    amber = told(library, "amber.txt")
    assert (amber["visible"], amber["in_progress"]["state"]) == (False, "extracted")
    assert f"revision {run.revision}" in amber["why"]


def test_objects_that_the_store_has_lost(library: Any) -> None:
    library.ingest()
    with library.open() as workspace:
        with workspace.ledger.reading() as reading:
            projection = revisions.live_projection(reading, library.collection)
            rows = ledger_objects.all_rows(reading, projection, "chunks")
        workspace.store.delete_objects(projection, "chunks", [rows[0].object_id])
        with workspace.ledger.reading() as reading:
            known = ledger_documents.live_documents(reading, library.collection, [rows[0].doc_id])
    lost = told(library, known[rows[0].doc_id].natural_key)
    assert lost["store"]["chunks"]["found"] == lost["store"]["chunks"]["expected"] - 1
    assert "reconcile" in lost["to_do"]


def test_an_unknown_name_is_not_explained_but_similar_ones_are_named(library: Any) -> None:
    library.ingest()
    with library.open() as workspace:
        explained = explain_document(workspace, "papers/amber")
    assert explained.explanations == ()
    assert explained.similar == ("amber.txt",)


def test_explaining_writes_nothing(library: Any) -> None:
    library.ingest()
    before = (library.home / "ledger.db").read_bytes(), library.index().head
    told(library, "amber.txt")
    assert ((library.home / "ledger.db").read_bytes(), library.index().head) == before

"""The DAGs that try documents again and take things out, as whole runs: nothing goes that a person has not seen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

import pytest
from paid import states_of
from person import choosing, person
from upkept import NAMES, Upkept

from wellread.errors import PolicyError, SettingsError
from wellread.ledger import purges
from wellread.runs import SourceDeclaration
from wellread.upkeep.reverting import plan_revert
from wellread.upkeep.undoing import undo
from wellread.workspace import Workspace
from wellread_airflow.operators import PurgeDocumentOperator, RetireSourceOperator

if TYPE_CHECKING:
    from conftest import Deployment

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.weaviate,
    # In a thread: Airflow's own task timeouts take the process's alarm away.
    pytest.mark.timeout(300, method="thread"),
]
BROKEN = b"%PDF-1.4\nthis is no document at all\n"
SECRET = NAMES[0]


@pytest.fixture(scope="module")
def library(deployment: Deployment) -> Iterator[Upkept]:
    yield Upkept(deployment)


@pytest.fixture
def notes(library: Upkept) -> Upkept:
    """Four documents are there and published, whatever the test before did."""
    for path in library.deployment.documents.iterdir():
        path.unlink()
    for name in NAMES[:4]:
        library.write(name, "amber")
    library.ingest()
    return library


def done_again(notes: Upkept, kind: Any, listed: Any, shown: str) -> Any:
    """What a cleared task does: the same values as before, whatever has happened since."""
    with notes.deployment.entered(), Workspace.open() as workspace:
        return kind(task_id="again", listed=listed, shown=shown).work(workspace, {})


def xcom(notes: Upkept, run_id: str, task_id: str, key: str) -> Any:
    where = f"run_id = '{run_id}' AND task_id = '{task_id}' AND key = '{key}'"
    [(value,)] = notes.deployment.rows(f"SELECT value FROM xcom WHERE {where}")
    return json.loads(value)


def test_documents_in_quarantine_are_tried_again_and_the_log_tells_what_came_of_each(
    notes: Upkept, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = notes.deployment.documents
    for name in ("broken.pdf", "mended.pdf", "gone.pdf"):
        (folder / name).write_bytes(BROKEN)
    notes.ingest()
    nothing = notes.run("redrive_quarantine", {"cause": "encrypted"})
    assert set(states_of(nothing).values()) == {"skipped"}
    (folder / "mended.pdf").write_text("The keeper of mended.pdf writes of amber in the evening.\n")
    (folder / "gone.pdf").unlink()
    run = notes.run("redrive_quarantine", {"source": "notes", "stage": "parse"})
    assert run.state == "success"
    assert run.results["report_documents"]["documents"] == {"failed": 1, "read": 1, "gone": 1}
    told = "".join(capfd.readouterr())
    assert re.search(r"failed: notes/broken\.pdf: parse, \w+, 2 attempts", told)
    assert "read: notes/mended.pdf" in told
    assert "mended.pdf" in notes.found()
    events = notes.deployment.rows("SELECT extra FROM asset_event WHERE source_task_id = 'run_source'")
    assert {json.loads(extra)["committed"] for (extra,) in events} == {1}
    assert len(events) == 2


def test_documents_may_be_marked_for_the_next_run_alone(notes: Upkept) -> None:
    for name in ("first.pdf", "second.pdf"):
        (notes.deployment.documents / name).write_bytes(BROKEN)
    notes.ingest()
    run = notes.run("redrive_quarantine", {"documents": "first.pdf\nnobody.pdf\n", "run": False})
    assert states_of(run) == {"mark_documents": "success", "run_source": "skipped", "report_documents": "skipped"}
    attempts = {item["document"]: item.get("standing", False) for item in notes.ingest().problems}
    assert attempts == {"first.pdf": False, "second.pdf": True}


@pytest.fixture
def papers(notes: Upkept, tmp_path: Path) -> Upkept:
    """A second source with two documents, declared by a file of its own."""
    folder = tmp_path / "papers"
    folder.mkdir()
    for name in ("one.txt", "two.txt"):
        (folder / name).write_text(f"The keeper of {name} writes of papers in the evening.\n")
    notes.deployment.declare("letters", folder)
    with notes.deployment.entered(), Workspace.open() as workspace:
        workspace.runner.run(SourceDeclaration(id="letters", kind="folder", location=str(folder)))
    return notes


def test_a_source_is_retired_once_it_is_undeclared_and_a_person_has_seen_what_goes(papers: Upkept) -> None:
    refused = papers.run("retire_source", {"source": "letters"})
    assert states_of(refused)["plan_retirement"] == "failed"
    (papers.deployment.dags / "sources" / "letters.yaml").unlink()
    before = papers.found()
    with person(choosing("Approve")) as someone:
        run = papers.run("retire_source", {"source": "letters"})
    [asked] = someone.asked
    assert asked["subject"] == "Retire the source letters?"
    assert "close: one.txt" in asked["body"]
    assert "close: two.txt" in asked["body"]
    told = run.results["retire_source"]
    assert (told["source"], told["closed"]) == ("letters", 2)
    assert papers.found().keys() == set(NAMES[:4])
    listed, shown = (
        run.results["plan_retirement"],
        xcom(papers, run.run_id, "confirm_retirement", "shown"),
    )
    assert done_again(papers, RetireSourceOperator, listed, shown)["revision"] is None
    with papers.deployment.entered(), Workspace.open() as workspace:
        undo(workspace.parts, plan_revert(workspace.parts, "Documents", str(told["revision"])))
    assert papers.found() == before
    with pytest.raises(PolicyError, match="has run since"):
        done_again(papers, RetireSourceOperator, listed, shown)
    assert papers.found() == before


def test_a_document_is_purged_once_and_an_old_approval_holds_for_nothing_else(notes: Upkept) -> None:
    form = {"document": SECRET, "reason": "asked for by its author", "deep": True}
    with person(choosing("Approve")) as someone:
        run = notes.run("purge_document", form)
    [asked] = someone.asked
    assert asked["subject"] == f"Remove {SECRET} for ever?"
    for line in ("chunks\\_objects", "artifacts", "asked for by its author", "deep | True"):
        assert line in asked["body"]
    told = run.results["purge_document"]
    assert told["removed"]["chunks_objects"] == 1
    assert told["removed"]["artifacts_searched"] > 4
    assert notes.found().keys() & set(NAMES) == set(NAMES[1:4])
    kept = Path(unquote(urlparse(told["receipt"]).path))
    assert kept.exists(), told["receipt"]
    listed, shown = run.results["plan_purge"], xcom(notes, run.run_id, "confirm_purge", "shown")
    again = done_again(notes, PurgeDocumentOperator, listed, shown)
    assert (again["removed"], again["receipt"]) == ({}, told["receipt"])

    # It is let in again: first nobody knows it, then it is another document than the one that was approved.
    with notes.deployment.entered(), Workspace.open() as workspace, workspace.ledger.transaction() as tx:
        assert purges.readmit(tx, "Documents", "notes", SECRET)
    with pytest.raises(SettingsError, match="no source knows it"):
        done_again(notes, PurgeDocumentOperator, listed, shown)
    notes.ingest()
    with pytest.raises(PolicyError, match="let in again"):
        done_again(notes, PurgeDocumentOperator, listed, shown)
    with pytest.raises(PolicyError, match="another one than the one that was approved"):
        done_again(notes, PurgeDocumentOperator, listed | {"document": NAMES[1]}, shown)
    assert notes.found().keys() >= set(NAMES[:4])


def test_a_purge_that_a_person_rejects_removes_nothing(notes: Upkept) -> None:
    with person(choosing("Reject")):
        run = notes.run("purge_document", {"document": NAMES[1], "reason": "a mistake", "source": "notes"})
    assert states_of(run)["purge_document"] == "skipped"
    assert NAMES[1] in notes.found()


def test_a_vacuum_is_a_run_of_its_own(notes: Upkept) -> None:
    run = notes.run("vacuum_index")
    assert (run.state, run.results["vacuum_index"]["deleted"]) == ("success", 0)

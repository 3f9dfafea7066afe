"""The operator's DAGs as whole runs on a real index: it is repaired, a run is put back, a person is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from paid import states_of
from person import choosing, person
from upkept import NAMES, Upkept

from wellread.errors import PolicyError

if TYPE_CHECKING:
    from conftest import Deployment

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.weaviate,
    # In a thread: Airflow's own task timeouts take the process's alarm away.
    pytest.mark.timeout(300, method="thread"),
]
QUICK = """
from datetime import timedelta
from wellread_airflow.dag_builders import build_rebuild_index_dag, build_reconcile_index_dag

quick_rebuild = build_rebuild_index_dag("quick_rebuild", poll_seconds=0.3)
impatient = build_reconcile_index_dag(
    "impatient", schedule=None, poll_seconds=0.3, wait=timedelta(seconds=0)
)
"""


@pytest.fixture(scope="module")
def library(deployment: Deployment) -> Iterator[Upkept]:
    (deployment.dags / "quick.py").write_text(QUICK)
    yield Upkept(deployment)


@pytest.fixture
def notes(library: Upkept) -> Upkept:
    """All twelve are there and published, whatever the test before did."""
    for name in NAMES:
        library.write(name, "amber")
    for path in library.deployment.documents.iterdir():
        if path.name not in NAMES:
            path.unlink()
    library.ingest()
    assert library.found().keys() == set(NAMES)
    return library


def test_a_lost_object_is_repaired_and_the_numbers_are_the_result(notes: Upkept) -> None:
    notes.lose_a_chunk()
    run = notes.run("reconcile_index", {"repair": True})
    assert (run.state, set(states_of(run).values())) == ("success", {"success"})
    told = run.results["reconcile_index"]
    assert (told["differences"], told["repaired"], told["true"]) == ({"missing": 1}, 1, True)
    assert notes.found().keys() == set(NAMES)


def test_without_repair_a_difference_fails_the_run_and_nothing_is_written(notes: Upkept) -> None:
    notes.lose_a_chunk()
    run = notes.run("reconcile_index", {"repair": False})
    assert states_of(run)["reconcile_index"] == "failed"
    assert (run.results["reconcile_index"]["repaired"], run.results["reconcile_index"]["true"]) == (0, False)
    assert len(notes.found()) == len(NAMES) - 1
    assert notes.run("reconcile_index").results["reconcile_index"]["repaired"] == 1


@pytest.mark.torture
def test_a_rebuild_waits_for_the_run_that_is_at_work_and_says_so(
    notes: Upkept, capfd: pytest.CaptureFixture[str]
) -> None:
    notes.take_lease(seconds=20)
    run = notes.run("quick_rebuild")
    assert run.state == "success"
    told = run.results["rebuild_index"]
    assert (told["objects"]["chunks"] >= len(NAMES), told["embeddings"], told["source_reads"]) == (True, 0, 0)
    assert "a run elsewhere" in "".join(capfd.readouterr())
    assert notes.found().keys() == set(NAMES)


def test_a_wait_that_is_over_fails_the_task_at_once_and_names_the_run(
    notes: Upkept, capfd: pytest.CaptureFixture[str]
) -> None:
    notes.lose_a_chunk()
    notes.take_lease(seconds=600)
    run = notes.run("impatient")
    assert states_of(run)["reconcile_index"] == "failed"
    told = "".join(capfd.readouterr())
    assert re.search(r"a run elsewhere in process \d+ on \S+, since 20[^,]+ UTC, works on notes still", told)
    notes.take_lease(seconds=0)
    assert notes.run("reconcile_index").results["reconcile_index"]["repaired"] == 1


def spoiled(notes: Upkept) -> str:
    """A run that brings nonsense: its name."""
    notes.write(NAMES[0], "NONSENSE")
    notes.write("spam.txt", "spam")
    (notes.deployment.documents / NAMES[1]).unlink()
    notes.ingest()
    return notes.last_run()


def test_an_undo_shows_its_list_to_a_person_and_a_released_source_goes_on(notes: Upkept) -> None:
    before = notes.found()
    name = spoiled(notes)
    with person(choosing("Approve")) as someone:
        run = notes.run("undo_run", {"run_id": name})
    assert states_of(run) == {
        "plan_undo": "success",
        "confirm_undo": "success",
        "undo_run": "success",
        "release_source": "skipped",
    }
    [asked] = someone.asked
    assert asked["subject"] == f"Undo the run {name}?"
    for line in (f"put back: {NAMES[0]}", f"put back: {NAMES[1]}", "remove: spam.txt"):
        assert line in asked["body"]
    assert (run.results["undo_run"]["put_back"], run.results["undo_run"]["removed"]) == (2, 1)
    assert notes.found() == before
    with pytest.raises(PolicyError, match="was undone"):
        notes.ingest()
    assert notes.run("release_source", {"source": "notes"}).state == "success"
    assert notes.run("ingest__notes").state == "success"
    assert "spam.txt" in notes.found()


def test_an_undo_that_a_person_rejects_changes_nothing(notes: Upkept) -> None:
    name = spoiled(notes)
    after = notes.found()
    with person(choosing("Reject")):
        run = notes.run("undo_run", {"run_id": name, "release": True})
    assert states_of(run) == {
        "plan_undo": "success",
        "confirm_undo": "success",
        "undo_run": "skipped",
        "release_source": "skipped",
    }
    assert notes.found() == after


def test_an_undo_may_release_its_source_at_once(notes: Upkept) -> None:
    before = notes.found()
    name = spoiled(notes)
    with person(choosing("Approve")):
        run = notes.run("undo_run", {"run_id": name, "release": True})
    assert run.state == "success"
    assert states_of(run)["release_source"] == "success"
    assert notes.found() == before


def test_held_deletions_are_shown_to_a_person_and_applied_by_the_sources_dag(notes: Upkept) -> None:
    gone = NAMES[:6]
    for name in gone:
        (notes.deployment.documents / name).unlink()
    notes.ingest()
    assert notes.held() == gone
    with person(choosing("Approve")) as someone:
        run = notes.run("approve_deletions", {"source": "notes"})
    assert set(states_of(run).values()) == {"success"}
    [asked] = someone.asked
    assert all(f"delete: {name}" in asked["body"] for name in gone)
    assert run.results["approve_holds"] == {"source": "notes", "approved": 6, "by": "ada"}
    started = f"approve_deletions__{run.run_id}"
    rows = notes.deployment.rows(f"SELECT dag_id, state FROM dag_run WHERE run_id = '{started}'")
    assert rows == [("ingest__notes", "queued")]
    assert notes.run("ingest__notes").results["report_run"]["documents"]["deleted"] == 6
    assert notes.found().keys() == set(NAMES[6:])


def test_the_form_of_a_source_approves_what_is_held_and_the_same_run_applies_it(
    notes: Upkept, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in NAMES[:6]:
        (notes.deployment.documents / name).unlink()
    held = notes.run("ingest__notes")
    assert held.results["report_run"]["documents"]["held"] == 6
    run = notes.run("ingest__notes", {"approve_held": True})
    assert run.results["report_run"]["documents"]["deleted"] == 6
    assert "6 held deletions of notes approved in the form by dag_test." in "".join(capfd.readouterr())
    assert notes.held() == []


def test_where_nothing_is_held_nobody_is_asked(notes: Upkept) -> None:
    run = notes.run("approve_deletions", {"source": "notes"})
    assert set(states_of(run).values()) == {"skipped"}


def test_every_xcom_of_upkeep_is_under_four_kibibytes(notes: Upkept) -> None:
    notes.run("reconcile_index")
    sizes = notes.deployment.rows("SELECT task_id, key, length(value) FROM xcom")
    assert len(sizes) >= 2
    assert [row for row in sizes if row[2] is not None and row[2] >= 4_096] == []
    values = notes.deployment.rows("SELECT value FROM xcom WHERE task_id = 'reconcile_index'")
    assert all(json.dumps(row) for row in values)


def test_a_migration_is_confirmed_switched_taken_back_and_ended(notes: Upkept) -> None:
    before = notes.found()
    with person(choosing("Approve")) as someone:
        done = notes.run("migrate_index", {"anew": True}).results["migrate_index"]
    [asked] = someone.asked
    assert asked["subject"] == "Migrate Documents?"
    assert "chunks" in asked["body"]
    assert (done["state"], done["embeddings"], done["source_reads"]) == ("switched", 0, 0)
    notes.write("note-03.txt", "violet")
    notes.ingest()
    back = notes.run("migrate_index", {"step": "rollback"})
    assert states_of(back) == {
        "price_migration": "skipped",
        "confirm_migration": "skipped",
        "migrate_index": "success",
    }
    found = notes.found()
    assert "violet" in found.pop("note-03.txt")
    assert found == {name: text for name, text in before.items() if name != "note-03.txt"}
    ended = notes.run("migrate_index", {"step": "finish"}).results["migrate_index"]
    assert (ended["state"], len(ended["dropped"])) == ("finished", 1)
    assert "violet" in notes.found()["note-03.txt"]


def test_a_migration_that_a_person_rejects_changes_nothing(notes: Upkept) -> None:
    with person(choosing("Reject")):
        run = notes.run("migrate_index", {"anew": True})
    assert states_of(run)["migrate_index"] == "skipped"

"""The DAG files: they load, serialise, describe themselves, and one faulty source takes no other with it."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.definitions._internal.types import NOTSET, is_arg_set
from airflow.sdk.exceptions import ParamValidationError

pytestmark = pytest.mark.airflow
ROOT = Path(__file__).parents[2]
QUESTIONS = ("answer_questions", "ask", "evaluate_index", "watch_questions")
NEEDED = {
    "approve_deletions": {"source"},
    "migrate_index": set(),
    "purge_document": {"document", "reason"},
    "rebuild_index": set(),
    "reconcile_index": set(),
    "redrive_quarantine": set(),
    "release_source": {"source"},
    "retire_source": {"source"},
    "undo_run": {"run_id"},
    "vacuum_index": set(),
}
"""The DAGs of upkeep, and the fields of each that have no default, because nobody can guess them."""
UPKEEP = tuple(NEEDED)


def bag_of(folder: Path) -> Any:
    from airflow.dag_processing.dagbag import BundleDagBag

    return BundleDagBag(dag_folder=str(folder), bundle_path=folder, bundle_name="dags-folder")


@pytest.fixture(scope="module")
def bag(airflow_environment: Path) -> Any:
    return bag_of(ROOT / "dags")


def test_all_dags_load_without_an_import_error(bag: Any) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == {"ingest__demo", *QUESTIONS, *UPKEEP}


def test_every_dag_says_what_it_is_and_cannot_run_away(bag: Any) -> None:
    for dag in bag.dags.values():
        assert dag.doc_md, dag.dag_id
        assert dag.description, dag.dag_id
        assert "wellread" in dag.tags, dag.dag_id
        assert dag.catchup is False, dag.dag_id
        assert dag.max_active_runs <= 4, dag.dag_id
        assert dag.dagrun_timeout is not None, dag.dag_id
        for task in dag.tasks:
            assert task.retries >= 2, task.task_id
            assert task.execution_timeout is not None, task.task_id
            assert task.owner, task.task_id


def test_tasks_wait_in_the_pool_that_every_airflow_has(bag: Any) -> None:
    assert {task.pool for dag in bag.dags.values() for task in dag.tasks} == {"default_pool"}


def test_a_source_is_ingested_by_one_run_at_a_time(bag: Any) -> None:
    assert bag.dags["ingest__demo"].max_active_runs == 1


def test_every_form_field_has_a_title_a_description_and_a_default_that_validates(bag: Any) -> None:
    for dag in bag.dags.values():
        for key in dag.params:
            param = copy.deepcopy(dag.params.get_param(key))  # it keeps what it resolves
            assert param.schema["title"], key
            assert param.description, key
            param.resolve("something" if key in NEEDED.get(dag.dag_id, ()) else NOTSET)


def test_an_operation_on_something_says_on_what_and_one_that_needs_nothing_starts_at_once(bag: Any) -> None:
    for name, keys in NEEDED.items():
        params = bag.dags[name].params
        needed = {key for key in params if not is_arg_set(params.get_param(key).value)}
        assert needed == keys, name
        if keys:
            with pytest.raises(ParamValidationError):
                bag.dags[name].params.validate()
        else:
            bag.dags[name].params.validate()


def test_an_index_is_compared_weekly_once_somebody_wants_it_and_upkeep_runs_one_by_one(bag: Any) -> None:
    scheduled = {"reconcile_index": "0 3 * * 0", "vacuum_index": "30 2 * * *"}
    for name, schedule in scheduled.items():
        assert bag.dags[name].is_paused_upon_creation is True
        assert bag.dags[name].schedule == schedule
    assert {bag.dags[name].max_active_runs for name in UPKEEP} == {1}


def test_the_page_lists_every_dag_and_every_field_of_its_form(bag: Any) -> None:
    page = (ROOT / "docs" / "how-to" / "airflow.md").read_text("utf-8")
    section = page.split("## Every DAG\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    listed = {name.strip("`").replace("<source>", "demo"): (by, fields) for name, _, by, fields in rows}
    assert {name: fields for name, (_, fields) in listed.items()} == {
        name: ", ".join(f"`{key}`" for key in dag.params) for name, dag in bag.dags.items()
    }
    told = {name for name, (by, _) in listed.items() if by != "a person"}
    assert told == {name for name, dag in bag.dags.items() if dag.schedule} | {"ingest__demo"}


def test_dag_files_are_short_and_read_no_data() -> None:
    for path in (ROOT / "dags").glob("*.py"):
        lines = path.read_text("utf-8").splitlines()
        assert len(lines) < 80, path
        # The one loop makes a DAG for each declaration.
        assert path.name == "ingest_sources.py" or not any(line.lstrip().startswith("for ") for line in lines), path


@pytest.mark.parametrize(
    ("dag_id", "key", "value"),
    [
        ("ask", "question", ""),
        ("ask", "collection", "documents"),
        ("answer_questions", "answers", "answers.pdf"),
        ("answer_questions", "answers", "conn:warehouse"),
        ("answer_questions", "mode", "quickly"),
        ("answer_questions", "budget_usd", -1),
        ("evaluate_index", "on_regression", "shrug"),
        ("reconcile_index", "repair", "perhaps"),
        ("rebuild_index", "collection", "documents"),
        ("migrate_index", "step", "backwards"),
        ("undo_run", "run_id", ""),
        ("undo_run", "release", "perhaps"),
        ("approve_deletions", "source", ""),
        ("purge_document", "document", ""),
        ("purge_document", "reason", ""),
        ("redrive_quarantine", "run", "perhaps"),
        ("retire_source", "source", ""),
        ("ingest__demo", "approve_held", "perhaps"),
    ],
)
def test_a_form_refuses_what_cannot_work(bag: Any, dag_id: str, key: str, value: str) -> None:
    with pytest.raises(ParamValidationError):
        bag.dags[dag_id].params.get_param(key).resolve(value)


def test_every_dag_survives_serialisation_and_is_the_same_in_every_parse(bag: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    again = bag_of(ROOT / "dags")
    for dag_id, dag in bag.dags.items():
        serialised = DagSerialization.to_dict(dag)
        assert DagSerialization.from_dict(serialised).task_dict.keys() == dag.task_dict.keys()
        assert DagSerialization.to_dict(again.dags[dag_id]) == serialised


def test_a_faulty_declaration_is_an_import_error_and_the_other_sources_go_on(
    airflow_environment: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "dags"
    shutil.copytree(ROOT / "dags", folder)
    (folder / "sources" / "bad.yaml").write_text("id: bad\nkind: ftp\nlocation: somewhere\n")
    bag = bag_of(folder)
    assert "ingest__demo" in bag.dags
    assert "ingest__bad" not in bag.dags
    [(file, error)] = bag.import_errors.items()
    assert file.endswith("check_sources.py")
    assert "bad.yaml" in error
    assert "kind" in error


def test_the_examples_of_the_documentation_load(airflow_environment: Path) -> None:
    bag = bag_of(ROOT / "docs" / "examples")
    assert bag.import_errors == {}
    assert set(bag.dags) == {"board_questions", "board_answers", "weekly_risk_report", "supplier_questions"}


def test_the_example_on_the_first_screen_is_short() -> None:
    text = (ROOT / "docs" / "examples" / "nightly_questions.py").read_text()
    assert len([line for line in text.splitlines() if line.strip()]) <= 12

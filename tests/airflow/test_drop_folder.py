"""Files that are dropped into a folder are answered once, whoever races and whoever dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.sdk.exceptions import AirflowFailException
from paid import KEY, Paid, context_of, prepared, rows_of, states_of

from wellread.testing.provider_server import provider_process
from wellread_airflow.drop_folder import DropFolder, cut_names
from wellread_airflow.operators import AnswerQuestionFileOperator, ClaimQuestionFilesOperator

if TYPE_CHECKING:
    from conftest import Deployment

HERE = Path(__file__).parent
needs_index = [pytest.mark.airflow, pytest.mark.weaviate]


@pytest.fixture(scope="module")
def metered_model(deployment: Deployment) -> Iterator[Paid]:
    with provider_process(api_key=KEY) as server:
        yield prepared(deployment, server)


@pytest.fixture
def paid(metered_model: Paid, home_of_its_own: None) -> Paid:
    metered_model.server.reset()
    return metered_model


@pytest.fixture
def folder(tmp_path: Path) -> DropFolder:
    root = tmp_path / "questions"
    root.mkdir()
    return DropFolder.opened(str(root))


def drop(folder: DropFolder, name: str, question: str = "Who is the keeper of lighthouse number 1?") -> None:
    path = folder.root / "in" / name
    path.write_text(json.dumps({"id": name, "question": question}) + "\n")
    long_ago = time.time() - 60
    os.utime(path, (long_ago, long_ago))


def names_in(folder: DropFolder, place: str) -> list[str]:
    return sorted(path.name for path in (folder.root / place).iterdir())


# -- the folder alone -----------------------------------------------------------------------------------------


def test_a_claim_takes_whole_files_of_questions_and_leaves_the_rest(folder: DropFolder) -> None:
    for name in ("a.jsonl", ".hidden.jsonl", "half.jsonl.part", "notes.txt", "~$open.xlsx"):
        drop(folder, name)
    (folder.root / "in" / "fresh.csv").write_text("question\nstill being written\n")
    [claimed] = folder.claim()
    assert claimed.startswith("a-")
    assert names_in(folder, "in") == [".hidden.jsonl", "fresh.csv", "half.jsonl.part", "notes.txt", "~$open.xlsx"]
    assert folder.claim() == [claimed]  # until it is answered


def test_the_same_name_twice_is_two_files(folder: DropFolder) -> None:
    drop(folder, "a.jsonl")
    first = folder.claim()
    drop(folder, "a.jsonl")
    assert len(set(folder.claim()) - set(first)) == 1


def test_names_that_do_not_fit_an_xcom_wait_for_the_next_run() -> None:
    names = [f"{'x' * 80}-{number}.jsonl" for number in range(64)]
    assert 0 < len(cut_names(names)) < 64
    assert len(json.dumps(cut_names(names))) <= 3_000


# -- with an index and a model --------------------------------------------------------------------------------


@pytest.mark.airflow
@pytest.mark.weaviate
def test_two_runs_at_once_answer_each_file_once(paid: Paid, folder: DropFolder) -> None:
    for number in range(1, 9):
        drop(folder, f"f{number}.jsonl", f"Who is the keeper of lighthouse number {number}?")
    with paid.entered(seed=41):
        runs = [start(folder, f"manual__{number}") for number in range(2)]
        for run in runs:
            assert run.stdout is not None
            assert run.stdout.readline() == "ready\n"
        for run in runs:
            assert run.stdin is not None
            run.stdin.write("go\n")
            run.stdin.flush()
        answered = [json.loads(run.communicate()[0].splitlines()[-1]) for run in runs]
    assert sorted(answered[0] + answered[1]) == names_in(folder, "done")
    assert len(names_in(folder, "done")) == len(names_in(folder, "out")) == 8
    assert names_in(folder, "in") == names_in(folder, "working") == names_in(folder, "failed") == []
    meter = paid.server.meter()
    assert (meter.billed_count, meter.repeated) == (8, {})


def start(folder: DropFolder, run_id: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    command = [sys.executable, str(HERE / "drop_worker.py"), str(folder.root), run_id]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.airflow
@pytest.mark.weaviate
def test_a_file_whose_run_was_killed_is_taken_up_by_the_next_and_paid_once(paid: Paid, folder: DropFolder) -> None:
    lines = [
        json.dumps({"id": f"q{number}", "question": f"Who is the keeper of lighthouse number {number}?"})
        for number in range(1, 11)
    ]
    drop(folder, "many.jsonl")
    (folder.root / "in" / "many.jsonl").write_text("\n".join(lines) + "\n")
    paid.server.behave(latency_seconds=0.3)
    with paid.entered(seed=42):
        run = start(folder, "manual__killed")
        assert run.stdin is not None
        run.stdin.write("go\n")
        run.stdin.flush()
        while paid.server.meter().billed_count < 4:
            time.sleep(0.05)
        run.kill()
        run.communicate()
        [name] = ClaimQuestionFilesOperator(task_id="claim", folder=str(folder.root)).execute(context_of("next"))
        AnswerQuestionFileOperator(task_id="answer", folder=str(folder.root), name=name).execute(context_of("next"))
    assert names_in(folder, "done") == [name]
    assert {row["status"] for row in rows_of(folder.out(name))} == {"answered"}
    meter = paid.server.meter()
    assert len(meter.billed) == 10
    assert len(meter.repeated) <= 2  # what was in flight when it was killed: the concurrency


@pytest.mark.airflow
@pytest.mark.weaviate
def test_the_dag_answers_good_files_and_puts_a_bad_one_aside_with_the_reason(
    paid: Paid, folder: DropFolder
) -> None:
    drop(folder, "good.jsonl")
    drop(folder, "bad.jsonl")
    (folder.root / "in" / "bad.jsonl").write_text("no json\n")
    os.utime(folder.root / "in" / "bad.jsonl", (1, 1))
    run = paid.run({"folder": str(folder.root)}, seed=43, dag_id="watch_questions")
    assert sorted(task.state for task in run.tasks if task.task_id == "answer_file") == ["failed", "success"]
    [good] = names_in(folder, "done")
    assert rows_of(folder.out(good))[0]["status"] == "answered"
    bad, error = names_in(folder, "failed")
    assert error == f"{bad}.error.json"
    told = json.loads((folder.root / "failed" / error).read_text())
    assert "no JSON" in told["found"]
    assert told["remedy"]
    again = paid.run({"folder": str(folder.root)}, seed=43, dag_id="watch_questions")
    assert states_of(again)["answer_file"] == "skipped"


@pytest.mark.airflow
@pytest.mark.weaviate
def test_a_file_that_waits_for_a_batch_is_taken_up_by_a_later_run(paid: Paid, folder: DropFolder) -> None:
    paid.server.behave(batch_seconds=None)
    drop(folder, "slow.jsonl")
    conf = {"folder": str(folder.root)}
    mode = {"WELLREAD_ANSWERING__MODE": "batch"}
    run = paid.run(conf, seed=44, dag_id="watch_questions", **mode)
    assert states_of(run)["answer_file"] == "skipped"
    assert len(names_in(folder, "working")) == 1
    paid.server.finish_batches()
    run = paid.run(conf, seed=44, dag_id="watch_questions", **mode)
    assert states_of(run)["answer_file"] == "success"
    assert len(names_in(folder, "done")) == 1
    assert paid.server.meter().repeated == {}


def test_a_folder_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match="no such folder"):
        ClaimQuestionFilesOperator(task_id="claim", folder=str(tmp_path / "none")).execute(context_of())

"""`kill -9` of Airflow's task processes at random moments; then Airflow's own retry, or a person clears."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tally import Tally

if TYPE_CHECKING:
    from conftest import Launcher

pytestmark = [pytest.mark.airflow, pytest.mark.weaviate, pytest.mark.torture, pytest.mark.timeout(3_600)]

SEED = 21
KILLS = 10


def write_all(files: Any) -> None:
    for topic in ("amber", "birch", "cedar", "dogwood", "elm", "fir", "gorse"):
        files.write(f"{topic}-{files.path.name}.txt", files_text(topic, files.path.name))


def files_text(topic: str, source: str) -> str:
    import wellread_tests_worlds_of_tasks as worlds

    text: str = worlds.prose(f"{topic} {source}", 8)
    return text


def change(files: Any, number: int) -> None:
    """Every document gets new chunks and keeps old ones; one comes, one is renamed, one goes."""
    names = sorted(path.name for path in files.path.iterdir())
    for name in names:
        files.write(name, files.read(name).replace("the quay", f"the quay of round {number}", 3))
    files.write(f"new-{number}.txt", files_text(f"round{number}", files.path.name))
    files.rename(names[1], f"moved-{number}-{names[1]}")
    files.remove(names[0])


def kill_a_task(running: Launcher, dag_id: str, wait_seconds: float) -> tuple[str, str] | None:
    """The run, and the task that was killed at the moment or was the next to start; ``None``: the run was over."""
    run_id = running.trigger(dag_id)
    ends_at = time.monotonic() + wait_seconds
    while running.run_state(run_id) in {"queued", "running"}:
        if time.monotonic() < ends_at:
            time.sleep(0.05)
            continue
        for instance, process in running.task_processes().items():
            task_id, of_run = running.task_of(instance)
            if of_run == run_id:
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    break  # it has just ended by itself
                return run_id, task_id
        time.sleep(0.01)
    return None


def after_its_death(running: Launcher, source: str, run_id: str, task_id: str) -> None:
    """Papers' tasks are tried again by Airflow, letters' are cleared by a person; then comes the next run."""
    dag_id = f"ingest__{source}"
    if source == "papers":
        assert running.ended(run_id) == "success", task_id
        return
    running.ended(run_id)
    running.clear(dag_id, run_id, task_id)
    running.ended(run_id)  # green or, where documents were left for the next run, red
    assert running.ended(running.trigger(dag_id)) == "success"


def test_ten_killed_tasks_leave_an_exact_index(
    running: Launcher, record_property: Callable[[str, object], None]
) -> None:
    import wellread_tests_worlds_of_tasks as worlds

    draw = random.Random(SEED)  # reproducible moments, no secret
    world, tally = running.world, Tally("an Airflow task", SEED)
    folders = {"papers": world.files, "letters": worlds.Files(world.root / "letters")}
    world.embedding.behave(latency_seconds=0.3)
    lengths = {}
    for source, files in folders.items():
        write_all(files)
        running.unpause(f"ingest__{source}")
        began = time.monotonic()
        assert running.ended(running.trigger(f"ingest__{source}")) == "success"
        lengths[source] = time.monotonic() - began
    number = 0
    while tally.kills < KILLS:
        source = ("papers", "letters")[tally.kills % 2]
        number += 1
        change(folders[source], number)
        wait_seconds = lengths[source] * (tally.kills + draw.random()) / KILLS
        began = time.monotonic()
        if (killed := kill_a_task(running, f"ingest__{source}", wait_seconds)) is None:
            assert number < 3 * KILLS, "runs are always over before a task can be killed"
            lengths[source] = min(lengths[source], time.monotonic() - began)  # the machine is less busy now
            continue
        tally.died(killed[1] + (", retried" if source == "papers" else ", cleared"))
        after_its_death(running, source, *killed)
        tally.look(world, *(files.path for files in folders.values()))
    tally.end(world, record_property)

"""`make up` and `make down`: healthy, on loopback only, private, and gone without a trace."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import psutil
import pytest
from tally import Tally

if TYPE_CHECKING:
    from conftest import Launcher

pytestmark = [pytest.mark.airflow, pytest.mark.weaviate, pytest.mark.timeout(600)]


def test_all_four_components_are_healthy(running: Launcher) -> None:
    status = running.status()["airflow"]
    assert status["health"] == "healthy"
    assert set(status["components"]) == {"api-server", "scheduler", "dag-processor", "triggerer"}
    assert all(status["components"].values())


def test_weaviate_runs_beside_it(running: Launcher) -> None:
    assert running.status()["weaviate"] == "running"


def test_the_generated_password_logs_in_and_another_one_does_not(running: Launcher) -> None:
    url = running.status()["airflow"]["url"]
    [(name, password)] = json.loads((running.home / "airflow" / "passwords.json").read_text()).items()

    def token_status(secret: str) -> int:
        body = json.dumps({"username": name, "password": secret}).encode()
        request = urllib.request.Request(f"{url}/auth/token", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert token_status(password) == 201
    assert token_status(password + "x") == 401
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{url}/api/v2/dags")


def test_secrets_can_be_read_by_their_owner_only(running: Launcher) -> None:
    for name in ("passwords.json", "secrets.json", "processes.json"):
        mode = stat.S_IMODE((running.home / "airflow" / name).stat().st_mode)
        assert mode == 0o600, name


def test_airflow_listens_on_loopback_only(running: Launcher) -> None:
    state = json.loads((running.home / "airflow" / "processes.json").read_text())
    listening = [
        connection.laddr.ip
        for entry in state["processes"]
        for process in [psutil.Process(entry["pid"]), *psutil.Process(entry["pid"]).children(recursive=True)]
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) == {"127.0.0.1"}


def test_a_second_up_finds_the_first(running: Launcher) -> None:
    before = running.status()
    assert "runs already" in running.run("up")
    assert running.status()["airflow"]["url"] == before["airflow"]["url"]


def test_a_task_killed_in_mid_load_is_tried_again_and_leaves_an_exact_index(running: Launcher) -> None:
    world = running.world
    for topic in ("amber", "birch"):
        world.files.write(f"{topic}.txt", world.prose(topic, 12))
    world.embedding.behave(latency_seconds=0.5)
    running.unpause("ingest__papers")
    run_id = running.trigger("ingest__papers")
    deadline = time.monotonic() + 120
    while world.embedding.meter().texts_count < 8 and time.monotonic() < deadline:
        time.sleep(0.05)
    [(instance, process)] = running.task_processes().items()
    assert running.task_of(instance) == ("load_documents", run_id)
    process.kill()
    assert running.ended(run_id) == "success"
    tries = running.rows("SELECT try_number FROM task_instance WHERE task_id = 'load_documents'")
    assert tries == [(2,)]
    tally = Tally("an Airflow task", 0, kills=1)
    tally.look(world)
    tally.end(world, lambda *_: None)


def test_down_ends_every_process_even_after_a_component_was_killed(running: Launcher) -> None:
    state = json.loads((running.home / "airflow" / "processes.json").read_text())
    scheduler = next(entry for entry in state["processes"] if entry["name"] == "scheduler")
    assert len(running.processes()) >= 4
    os.kill(scheduler["pid"], signal.SIGKILL)  # its children live on, without a parent
    running.run("down")
    assert running.processes() == []
    assert running.status(expected=3) == {"airflow": {"running": False}, "weaviate": "stopped"}
    assert "Airflow was not running" in running.run("down")

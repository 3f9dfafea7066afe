"""Families of processes are found and ended whole, and strangers are left alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from wellread.errors import SettingsError
from wellread_airflow.local.environment import MARKER as STARTED_BY
from wellread_airflow.local.processes import StartedProcess, end_family, find_family, start_process
from wellread_airflow.local.service import start_airflow, stop_airflow
from wellread_airflow.local.settings import LocalAirflowSettings
from wellread_airflow.local.state import LocalState, read_state

MARKER = "WELLREAD_TEST_FAMILY"
# A parent that starts one child in its session and one outside of it, writes both down, and waits.
PARENT = """
import os, subprocess, sys, time
sleep = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"]
inside = subprocess.Popen(sleep)
outside = subprocess.Popen(sleep, start_new_session=True)
open(sys.argv[1] + ".draft", "w").write(f"{inside.pid} {outside.pid}")
os.rename(sys.argv[1] + ".draft", sys.argv[1])
time.sleep(600)
"""


def _start_family(
    tmp_path: Path, token: str, *, marker: str = MARKER
) -> tuple[StartedProcess, list[psutil.Process]]:
    note = tmp_path / f"children-{token}"
    command = (sys.executable, "-c", PARENT, str(note))
    started = start_process("parent", command, environment=os.environ | {marker: token}, log=tmp_path / "log")
    while not note.exists():
        time.sleep(0.02)
    return started, [psutil.Process(int(pid)) for pid in note.read_text().split()]


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_family_ends_whole_though_children_ignore_the_signal_and_leave_the_session(tmp_path: Path) -> None:
    started, children = _start_family(tmp_path, "one")
    family = find_family([started], marker=MARKER, token="one")
    assert {process.pid for process in family} == {started.pid, *(child.pid for child in children)}
    assert end_family([started], marker=MARKER, token="one", timeout_seconds=0.5) == []
    assert not any(_lives(child) for child in children)
    assert not started.is_running()


def test_children_are_found_after_their_parent_was_killed(tmp_path: Path) -> None:
    started, children = _start_family(tmp_path, "two")
    os.kill(started.pid, 9)
    os.waitpid(started.pid, 0)
    assert end_family([started], marker=MARKER, token="two", timeout_seconds=0.2) == []
    assert not any(_lives(child) for child in children)


def test_a_stranger_under_a_recycled_pid_is_left_alone() -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    recycled = StartedProcess("old", stranger.pid, psutil.Process(stranger.pid).create_time() - 3600)
    try:
        assert not recycled.is_running()
        assert end_family([recycled], marker=MARKER, token="three", timeout_seconds=0.2) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_state_file_gives_back_what_was_written(tmp_path: Path) -> None:
    state = LocalState(tmp_path / "processes.json", port=4711, token="t")
    state.add(StartedProcess("scheduler", 12, 34.5))
    assert read_state(state.path) == state
    state.forget()
    assert read_state(state.path) is None


def test_a_folder_without_dags_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--repository"):
        LocalAirflowSettings.for_repository(tmp_path, home=tmp_path)


def test_a_port_in_use_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings = LocalAirflowSettings.for_repository(tmp_path, home=tmp_path / "home", port=port)
        with pytest.raises(SettingsError, match=f"port {port}.*--port"):
            start_airflow(settings, report=print)
    assert not (settings.airflow_home / "processes.json").exists()
    assert not (settings.airflow_home / "airflow.db").exists()


def test_a_start_that_died_between_two_components_is_cleared_away(tmp_path: Path) -> None:
    """The state file was written before the process was recorded in it: the marker finds it all the same."""
    settings = LocalAirflowSettings(home=tmp_path, repository=tmp_path, stop_timeout_seconds=1.0)
    orphan, children = _start_family(tmp_path, "four", marker=STARTED_BY)
    LocalState(settings.airflow_home / "processes.json", port=1, token="four").save()
    assert stop_airflow(settings) == 1 + len(children)
    assert not orphan.is_running()
    assert not any(_lives(child) for child in children)

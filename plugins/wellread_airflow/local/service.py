"""Start, look at and stop the local Airflow."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import filelock

from wellread.errors import ServerUnavailableError, SettingsError
from wellread_airflow.local.environment import MARKER, airflow_environment, write_password
from wellread_airflow.local.processes import StartedProcess, end_family, find_family, start_process
from wellread_airflow.local.settings import LocalAirflowSettings
from wellread_airflow.local.state import LocalState, read_state

# Task logs are read from the disk: their servers would listen on every interface.
COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
PREFERRED_PORT = 8080
POLL_SECONDS = 0.5
Report = Callable[[str], None]


def start_airflow(settings: LocalAirflowSettings, *, report: Report) -> LocalState:
    """A healthy Airflow: the running one, or a new one. ``report`` gets a line at each step.

    Raises:
        SettingsError: The port is taken.
        ServerUnavailableError: It did not become healthy; nothing of it is left running.
    """
    with _one_at_a_time(settings):
        state = read_state(_state_path(settings))
        if state is not None and _health(state) == "healthy" and all(p.is_running() for p in state.processes):
            report("Airflow runs already.")
            return state
        if state is not None:
            report("Clearing away what is left of the last start.")
            _stop(state, settings)
        state = LocalState(_state_path(settings), port=_choose_port(settings.port), token=secrets.token_hex(16))
        state.save()
        try:
            _start(state, settings, report=report)
        except BaseException:
            _stop(state, settings)
            raise
        return state


def stop_airflow(settings: LocalAirflowSettings) -> int:
    """End everything that was started for this home; how many processes that were.

    Raises:
        ServerUnavailableError: A process survived its killing (it belongs to another user, or hangs in the kernel).
    """
    with _one_at_a_time(settings):
        state = read_state(_state_path(settings))
        return 0 if state is None else _stop(state, settings)


def describe_airflow(settings: LocalAirflowSettings) -> dict[str, object]:
    """Address, health and components for ``status``; ``{"running": False}`` when there is none."""
    state = read_state(_state_path(settings))
    if state is None:
        return {"running": False}
    return {
        "running": any(process.is_running() for process in state.processes),
        "health": _health(state),
        "url": state.url,
        "components": {process.name: process.is_running() for process in state.processes},
        "processes": len(find_family(state.processes, marker=MARKER, token=state.token)),
        "logs": str(_log_folder(settings)),
    }


def _start(state: LocalState, settings: LocalAirflowSettings, *, report: Report) -> None:
    environment = airflow_environment(settings, port=state.port, token=state.token)
    write_password(settings)
    report("Preparing Airflow's database.")
    _migrate(settings, environment)
    report(f"Starting {', '.join(COMPONENTS)}.")
    for name, arguments in COMPONENTS.items():
        command = (sys.executable, "-m", "airflow", *arguments)
        state.add(start_process(name, command, environment=environment, log=_log_folder(settings) / f"{name}.log"))
    _await_healthy(state, settings)


def _migrate(settings: LocalAirflowSettings, environment: Mapping[str, str]) -> None:
    command = (sys.executable, "-m", "airflow", "db", "migrate")
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServerUnavailableError(
            "prepare Airflow's database",
            found=(done.stderr or done.stdout).strip()[-800:],
            remedy=f"See to it that {settings.airflow_home} can be written; a broken database there may go.",
        )


def _await_healthy(state: LocalState, settings: LocalAirflowSettings) -> None:
    deadline = time.monotonic() + settings.start_timeout_seconds
    while time.monotonic() < deadline:
        for process in state.processes:
            if not process.is_running():
                raise _failed(process, settings, "ended by itself")
        if _health(state) == "healthy":
            return
        time.sleep(POLL_SECONDS)
    raise ServerUnavailableError(
        f"start Airflow on port {state.port}",
        found=f"after {settings.start_timeout_seconds:.0f} seconds its health is: {_health(state)}",
        remedy=f"Read the logs in {_log_folder(settings)}; on a busy machine just try again.",
    )


def _failed(process: StartedProcess, settings: LocalAirflowSettings, found: str) -> ServerUnavailableError:
    log = _log_folder(settings) / f"{process.name}.log"
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
    return ServerUnavailableError(
        f"start Airflow's {process.name}", found=f"it {found}, saying:\n{tail}\n", remedy=f"The whole log is {log}"
    )


def _health(state: LocalState) -> str:
    """``healthy``, or which components are not."""
    try:
        # Loopback and http by construction; and a proxy of the environment must not be asked.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{state.url}/api/v2/monitor/health", timeout=10) as response:
            parts = json.load(response)
    except (OSError, ValueError) as error:
        return f"no answer ({error})"
    wanted = ("metadatabase", "scheduler", "triggerer", "dag_processor")
    ill = [name for name in wanted if (parts.get(name) or {}).get("status") != "healthy"]
    return f"not yet: {', '.join(ill)}" if ill else "healthy"


def _stop(state: LocalState, settings: LocalAirflowSettings) -> int:
    count = len(find_family(state.processes, marker=MARKER, token=state.token))
    survivors = end_family(
        state.processes, marker=MARKER, token=state.token, timeout_seconds=settings.stop_timeout_seconds
    )
    if survivors:
        raise ServerUnavailableError(
            "stop the local Airflow",
            found=f"these processes survive: {', '.join(str(one.pid) for one in survivors)}",
            remedy="End them by hand, then run this again.",
        )
    state.forget()
    return count


def _choose_port(wanted: int | None) -> int:
    for port in (wanted,) if wanted is not None else (PREFERRED_PORT, 0):
        with socket.socket() as probe:
            # As the server will do it: a connection of the last run that still lingers is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            chosen: int = probe.getsockname()[1]
            return chosen
    raise SettingsError(
        f"open Airflow on port {wanted}", found="another program uses it", remedy="Name another one with --port."
    )


@contextmanager
def _one_at_a_time(settings: LocalAirflowSettings) -> Iterator[None]:
    settings.airflow_home.mkdir(mode=0o700, parents=True, exist_ok=True)  # logs and keys are nobody else's
    try:
        with filelock.FileLock(settings.airflow_home / "local.lock", timeout=0):
            yield
    except filelock.Timeout as error:
        raise ServerUnavailableError(
            "start or stop the local Airflow",
            found="another process is doing that at this moment",
            remedy="Wait for it to end.",
        ) from error


def _state_path(settings: LocalAirflowSettings) -> Path:
    return settings.airflow_home / "processes.json"


def _log_folder(settings: LocalAirflowSettings) -> Path:
    return settings.airflow_home / "logs" / "components"

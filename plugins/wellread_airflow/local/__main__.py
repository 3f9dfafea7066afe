"""``python -m wellread_airflow.local install|up|down|status``: what `make` runs for the local deployment."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from wellread.errors import WellreadError
from wellread.server import ServerSettings, ensure_server, install_server, server_status, stop_server
from wellread.workspace.settings import load_settings
from wellread_airflow.local.environment import ADMIN, password_file
from wellread_airflow.local.service import describe_airflow, start_airflow, stop_airflow
from wellread_airflow.local.settings import LocalAirflowSettings


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _install(_settings: LocalAirflowSettings, server: ServerSettings) -> int:
    _say(f"Weaviate is ready to start: {install_server(server, report=_say)}")
    return 0


def _up(settings: LocalAirflowSettings, server: ServerSettings) -> int:
    address = ensure_server(server, settings.home, report=_say)
    _say(f"Weaviate is up: {address.url}")
    state = start_airflow(settings, report=_say)
    _say(f"Airflow is up: {state.url}")
    _say(f"Log in as {ADMIN}; the password is in {password_file(settings)}")
    _say("Stop it with `make down`.")
    return 0


def _down(settings: LocalAirflowSettings, server: ServerSettings) -> int:
    # Weaviate last: tasks that end in order may still write to it.
    count = stop_airflow(settings)
    _say(f"Stopped Airflow ({count} processes)." if count else "Airflow was not running.")
    _say("Stopped Weaviate." if stop_server(settings.home, settings=server) else "Weaviate was not running.")
    return 0


def _status(settings: LocalAirflowSettings, server: ServerSettings) -> int:
    airflow = describe_airflow(settings)
    is_own = server.http_host is None
    weaviate = server_status(settings.home, settings=server).state if is_own else "configured"
    _say(json.dumps({"airflow": airflow, "weaviate": weaviate}, indent=2))
    return 0 if airflow.get("health") == "healthy" and weaviate in {"running", "configured"} else 3


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 failed with the reason on standard error, 3 from ``status`` when nothing healthy runs."""
    parser = argparse.ArgumentParser(prog="python -m wellread_airflow.local", description=__doc__)
    parser.add_argument("command", choices=("install", "up", "down", "status"))
    parser.add_argument("--port", type=int, help="loopback port; default 8080, or a free one if that is taken")
    parser.add_argument(
        "--repository", type=Path, default=Path(), help="folder with dags and plugins; default: here"
    )
    options = parser.parse_args(arguments)
    commands = {"install": _install, "up": _up, "down": _down, "status": _status}
    try:
        deployment = load_settings()
        settings = LocalAirflowSettings.for_repository(options.repository, home=deployment.home, port=options.port)
        return commands[options.command](settings, deployment.server)
    except WellreadError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())

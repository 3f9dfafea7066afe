"""What is written down about the running Airflow, so that the next process can find and stop it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from wellread_airflow.local.environment import write_private
from wellread_airflow.local.processes import StartedProcess


@dataclass(slots=True)
class LocalState:
    """Written before the first process starts and after each: a crash in between loses nothing."""

    path: Path
    port: int
    token: str
    """The value of the marker that all processes of this start carry."""
    processes: list[StartedProcess] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The web interface."""
        return f"http://127.0.0.1:{self.port}"

    def add(self, process: StartedProcess) -> None:
        """Remember one more process."""
        self.processes.append(process)
        self.save()

    def save(self) -> None:
        """Write the file whole."""
        body = {
            "port": self.port,
            "token": self.token,
            "processes": [process.as_dict() for process in self.processes],
        }
        write_private(self.path, json.dumps(body, indent=1))

    def forget(self) -> None:
        """Remove the file: nothing runs any more."""
        self.path.unlink(missing_ok=True)


def read_state(path: Path) -> LocalState | None:
    """The state of the last start, or ``None`` if it was stopped or never happened."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    processes = [StartedProcess(**entry) for entry in body["processes"]]
    return LocalState(path=path, port=body["port"], token=body["token"], processes=processes)

"""A local Airflow as `make up` starts it, on DAG files of its own, beside the world of the ingestion tests."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from wellread.server import ServerAddress
from wellread.server.control import server_status
from wellread.testing.embedding_server import embedding_server

ROOT = Path(__file__).parents[3]
SOURCES = {"papers": "somebody", "letters": "nobody"}
"""Their owners. Nobody's tasks are never tried again by themselves."""
NOWHERE = ServerAddress("127.0.0.1", 9, False, "127.0.0.1", 9, False, None, "local")
"""Until the server has started."""
_ENDED = {"success", "failed"}
_TITLE = "airflow worker -- "

_spec = importlib.util.spec_from_file_location(
    "wellread_tests_worlds_of_tasks", ROOT / "tests" / "services" / "indexing" / "conftest.py"
)
assert _spec is not None
assert _spec.loader is not None
worlds = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = worlds  # dataclasses look their module up
_spec.loader.exec_module(worlds)

IMPATIENT = """
'''The ingest DAGs of this deployment; their tasks are tried again after a second, or not at all.'''

from datetime import timedelta
from pathlib import Path

from wellread_airflow.dag_builders import build_ingest_dag, sound_sources

for declaration in sound_sources(Path(__file__).parent / "mortal"):
    dag = build_ingest_dag(declaration)
    for task in dag.tasks:
        task.retry_delay = timedelta(seconds=1)
        if declaration.owner == "nobody":
            task.retries = 0
    globals()[dag.dag_id] = dag
"""


@dataclass(frozen=True)
class Launcher:
    """`make up`, `make down` and what lies between."""

    world: Any
    """Of the ingestion tests; its home is the deployment's."""
    repository: Path

    @property
    def home(self) -> Path:
        home: Path = self.world.home
        return home

    def run(self, *arguments: str, expected: int = 0) -> str:
        # The local Weaviate of the home is found by the home.
        own = {k: v for k, v in self.world.environment().items() if not k.startswith("WELLREAD_SERVER__")}
        environment = own | {"WELLREAD_HOME": str(self.home)}
        command = [sys.executable, "-m", "wellread_airflow.local", *arguments, "--repository", str(self.repository)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
        assert done.returncode == expected, done.stdout + done.stderr
        return done.stdout + done.stderr

    def status(self, *, expected: int = 0) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.run("status", expected=expected))
        return body

    def processes(self) -> list[psutil.Process]:
        """Every process of this user that names our home, however it was started."""
        found = []
        for process in psutil.process_iter():
            try:
                environment = process.environ()
            except psutil.Error:
                continue
            if environment.get("WELLREAD_HOME") == str(self.home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def state(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads((self.home / "airflow" / "processes.json").read_text())
        return body

    # -- its API, as its page uses it ---------------------------------------------------------------------------
    def call(self, path: str, body: Any = None, *, method: str = "GET", token: str | None = None) -> Any:
        """The answer of Airflow's own API."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        address = f"http://127.0.0.1:{self.state()['port']}{path}"
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(address, data, headers, method=method)) as response:
            return json.load(response)

    def token(self) -> str:
        [(name, password)] = json.loads((self.home / "airflow" / "passwords.json").read_text()).items()
        asked = {"username": name, "password": password}
        return str(self.call("/auth/token", asked, method="POST")["access_token"])

    def unpause(self, dag_id: str) -> None:
        """Wait until the DAG file has been read, then let it run."""
        deadline = time.monotonic() + 120
        while True:
            try:
                self.call(f"/api/v2/dags/{dag_id}", {"is_paused": False}, method="PATCH", token=self.token())
            except urllib.error.HTTPError as error:
                assert error.code == 404, error
                assert time.monotonic() < deadline, f"{dag_id} was never read"
                time.sleep(0.5)
            else:
                return

    def trigger(self, dag_id: str) -> str:
        body = {"logical_date": None, "dag_run_id": f"manual__{uuid.uuid4().hex}"}
        run = self.call(f"/api/v2/dags/{dag_id}/dagRuns", body, method="POST", token=self.token())
        return str(run["dag_run_id"])

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """As a person clears a task on the page: with all that follows it."""
        chosen = {"dag_run_id": run_id, "task_ids": [task_id], "include_downstream": True, "only_failed": False}
        self.call(
            f"/api/v2/dags/{dag_id}/clearTaskInstances",
            {"dry_run": False, "reset_dag_runs": True, **chosen},
            method="POST",
            token=self.token(),
        )

    def run_state(self, run_id: str) -> str:
        [(state,)] = self.rows("SELECT state FROM dag_run WHERE run_id = ?", run_id)
        return str(state)

    def ended(self, run_id: str, *, seconds: float = 300.0) -> str:
        """The state of a run at its end."""
        deadline = time.monotonic() + seconds
        while (state := self.run_state(run_id)) not in _ENDED:
            assert time.monotonic() < deadline, f"{run_id} is still {state}"
            time.sleep(0.2)
        return state

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What Airflow's own database holds."""
        path = self.home / "airflow" / "airflow.db"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30) as database:
            return database.execute(query, values).fetchall()

    # -- its task processes -------------------------------------------------------------------------------------
    def task_processes(self) -> dict[str, psutil.Process]:
        """Id of a task instance -> the process that runs its operator, below its supervisor."""
        scheduler = next(entry["pid"] for entry in self.state()["processes"] if entry["name"] == "scheduler")
        found = {}
        for process in psutil.Process(scheduler).children(recursive=True):
            try:
                title = " ".join(process.cmdline()).strip()
            except psutil.Error:
                continue
            instance = title.removeprefix(_TITLE)
            if title.startswith(_TITLE) and len(instance) == 36:
                found[instance] = process
        return found

    def task_of(self, instance: str) -> tuple[str, str]:
        """Task and run of a task instance."""
        query = "SELECT task_id, run_id FROM task_instance WHERE replace(id, '-', '') = ?"
        [(task_id, run_id)] = self.rows(query, instance.replace("-", ""))
        return str(task_id), str(run_id)


def declare(folder: Path, source: str, location: Path, collection: str, *, owner: str) -> None:
    """A source of the impatient DAGs."""
    folder.mkdir(exist_ok=True)
    declaration = {"id": source, "kind": "folder", "location": str(location), "collection": collection}
    (folder / f"{source}.yaml").write_text(json.dumps({**declaration, "owner": owner}))  # JSON is YAML


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """All of it, until the module ends. The sources ``papers`` and ``letters`` feed the collection of its world."""
    root = tmp_path_factory.mktemp("local-airflow")
    repository = root / "repository"
    for name in ("dags", "plugins"):
        shutil.copytree(ROOT / name, repository / name, ignore=shutil.ignore_patterns("__pycache__"))
    (repository / "dags" / "impatient_sources.py").write_text(IMPATIENT)
    with embedding_server(dimensions=worlds.DIMENSIONS) as embedding:
        world = worlds.World(root, NOWHERE, embedding, pool=None)
        world.options = {"indexing": {"documents_per_batch": 3, "deletions": {"hold_ratio_from_count": 1_000}}}
        for source, owner in SOURCES.items():
            (root / source).mkdir(exist_ok=True)
            declare(repository / "dags" / "mortal", source, root / source, world.collection, owner=owner)
        launcher = Launcher(world, repository)
        launcher.run("up", "--port", str(free_port()))
        world.address = server_status(world.home).address
        yield launcher
        launcher.run("down")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

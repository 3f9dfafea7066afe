"""A deployment for DAG tests: this repository's DAG files, a folder, a real Weaviate, Airflow on SQLite."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from wellread.errors import ServerUnavailableError
from wellread.ledger import run_records
from wellread.runs import BalanceSheet
from wellread.server.temporary import local_weaviate
from wellread.workspace import Workspace
from wellread_airflow.demo.dag_runs import DagFolder, DagRunResult

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))  # for what several test modules of this folder share
CONSUMER = """
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator
from wellread_airflow.assets import collection_asset

with DAG("consumer", schedule=collection_asset("Documents")):
    EmptyOperator(task_id="use_it")
"""


@pytest.fixture(scope="session")
def airflow_environment() -> Iterator[Path]:
    """Airflow's home. It is the one of the whole test process: Airflow reads it once, when it is imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        patch.setenv("AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION", "False")
        yield Path(os.environ["AIRFLOW_HOME"])


@dataclass(frozen=True)
class Deployment:
    folder: Path
    airflow_home: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def documents(self) -> Path:
        return self.folder / "documents"

    @property
    def dags(self) -> Path:
        return self.folder / "dags"

    @contextmanager
    def entered(self, **settings: str) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WELLREAD_HOME", str(self.home))
            patch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([self._bundle()]))
            for name, value in settings.items():
                patch.setenv(name, value)
            yield

    def _bundle(self) -> dict[str, Any]:
        kind = "airflow.dag_processing.bundles.local.LocalDagBundle"
        return {"name": "dags-folder", "classpath": kind, "kwargs": {"path": str(self.dags)}}

    def run(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> DagRunResult:
        with self.entered():
            return DagFolder(self.dags).run(dag_id, conf)

    def sheet(self, run: DagRunResult) -> BalanceSheet:
        with self.entered(), Workspace.open() as workspace, workspace.ledger.reading() as reading:
            record = run_records.find_run(reading, f"airflow {run.dag_id} {run.run_id}")
        assert record is not None
        return BalanceSheet.from_dict(record["report"]["sheet"])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What Airflow's own database holds."""
        with sqlite3.connect(self.airflow_home / "airflow.db") as database:
            return database.execute(query).fetchall()

    def declare(self, source: str, location: Path) -> None:
        declaration = {"id": source, "kind": "folder", "location": str(location)}
        (self.dags / "sources" / f"{source}.yaml").write_text(yaml.safe_dump(declaration))


@pytest.fixture(scope="module")
def deployment(airflow_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    place = Deployment(tmp_path_factory.mktemp("deployment"), airflow_environment)
    shutil.copytree(ROOT / "dags", place.dags, ignore=shutil.ignore_patterns("sources", "__pycache__"))
    (place.dags / "sources").mkdir()
    (place.dags / "consumer.py").write_text(CONSUMER)
    place.documents.mkdir()
    place.declare("notes", place.documents)
    with ExitStack() as stack:
        try:
            stack.enter_context(local_weaviate(place.home))
        except ServerUnavailableError as error:
            pytest.skip(f"needs server: weaviate ({error})")
        yield place


@pytest.fixture
def in_deployment(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, home_of_its_own: None) -> Deployment:
    """The deployment, with this process inside it."""
    monkeypatch.setenv("WELLREAD_HOME", str(deployment.home))
    assert os.environ["WELLREAD_HOME"] == str(deployment.home)
    return deployment

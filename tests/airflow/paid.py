"""A deployment whose language model costs money: ten documents, ten questions, a metered server, a secret key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellread.sources.declarations import declaration_for_folder
from wellread.testing.provider_server import ProviderServer
from wellread.workspace import Workspace
from wellread_airflow.demo.dag_runs import DagFolder, DagRunResult

if TYPE_CHECKING:
    from conftest import Deployment

KEY = "sk-K3y-that-nobody-may-see-0123456789"
HEADER = "header-s3cret-that-nobody-may-see"
KEEPERS = ("Quill", "Marlow", "Osei", "Brandt", "Ferro", "Lindqvist", "Okafor", "Tanaka", "Weiss", "Zoric")
PRICE = {"input_usd_per_million": 0.15, "output_usd_per_million": 0.6}
SETTINGS = {
    "WELLREAD_ANSWERING__BATCH_POLL_SECONDS": "0.2",
    "WELLREAD_ANSWERING__PATIENCE_SECONDS": "0.5",
    "WELLREAD_CHAT__RETRY__FIRST_WAIT_SECONDS": "0.05",
    "WELLREAD_CHAT__RETRY__ATTEMPTS_COUNT": "1",
}
RETRIED_SOON = """
from datetime import timedelta
from wellread_airflow.dag_builders import build_answer_questions_dag

paid_questions = build_answer_questions_dag("paid_questions")
for task in paid_questions.tasks:
    task.retry_delay = timedelta(seconds=0.1)
    task.max_retry_delay = timedelta(seconds=0.2)
"""


@dataclass(frozen=True)
class Paid:
    """The deployment with its server."""

    deployment: Deployment
    server: ProviderServer

    @property
    def questions(self) -> Path:
        return self.deployment.folder / "paid.jsonl"

    @contextmanager
    def entered(self, *, seed: int = 0, **settings: str) -> Iterator[None]:
        """This process inside it, its key in an Airflow connection. Another ``seed``, and no answer is known."""
        chat = {
            "conn_type": "openai",
            "password": KEY,
            "host": self.server.openai_url,
            "extra": {
                "model": "testing-model",
                "price": PRICE,
                "headers": {"X-Team": HEADER},
                "concurrency": 2,
                "seed": seed,
            },
        }
        given = {"AIRFLOW_CONN_WELLREAD_CHAT": json.dumps(chat), **SETTINGS, **settings}
        with self.deployment.entered(**given):
            yield

    def run(
        self, conf: dict[str, Any], *, seed: int, dag_id: str = "paid_questions", **settings: str
    ) -> DagRunResult:
        (self.deployment.dags / "paid_questions.py").write_text(RETRIED_SOON)
        with self.entered(seed=seed, **settings):
            return DagFolder(self.deployment.dags).run(dag_id, {"questions": str(self.questions), **conf})


def prepared(deployment: Deployment, server: ProviderServer) -> Paid:
    """Ten lighthouses are indexed, and asked for by ten questions."""
    for number, keeper in enumerate(KEEPERS, 1):
        text = f"The keeper of lighthouse number {number} is called {keeper}. Its lamp is new.\n"
        (deployment.documents / f"lighthouse-{number}.txt").write_text(text)
    with deployment.entered(), Workspace.open() as workspace:
        workspace.runner.run(declaration_for_folder(deployment.documents))
    paid = Paid(deployment, server)
    lines = [
        {"id": f"q{number}", "question": f"Who is the keeper of lighthouse number {number}?", "team": "north"}
        for number in range(1, len(KEEPERS) + 1)
    ]
    paid.questions.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return paid


def rows_of(path: Path) -> list[dict[str, Any]]:
    """A JSONL file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def states_of(run: DagRunResult) -> dict[str, str]:
    """Task id -> state."""
    return {task.task_id: task.state for task in run.tasks}


def context_of(run_id: str = "manual__1", task_id: str = "run") -> Any:
    """As much of a context as operators need that are executed without Airflow."""
    from types import SimpleNamespace

    pushed: dict[str, Any] = {}

    def push(*, key: str, value: Any) -> None:
        pushed[key] = value

    ti = SimpleNamespace(map_index=-1, task_id=task_id, pushed=pushed, xcom_push=push)
    return {"dag_run": SimpleNamespace(dag_id="paid", run_id=run_id, start_date=None), "ti": ti}

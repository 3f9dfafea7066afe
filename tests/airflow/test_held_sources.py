"""A run of the shell and a DAG run of one source at once, as processes of their own: they end like one."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from paid import states_of

from wellread.ledger import revisions
from wellread.testing.embedding_server import EmbeddingServer, embedding_server
from wellread.workspace import Workspace
from wellread_airflow.demo.dag_runs import DagFolder

if TYPE_CHECKING:
    from conftest import Deployment

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.weaviate,
    # In a thread: Airflow's own task timeouts take the process's alarm away.
    pytest.mark.timeout(600, method="thread"),
]
DAG_FILE = """
from wellread.runs import SourceDeclaration
from wellread_airflow.dag_builders import build_ingest_dag

declaration = SourceDeclaration(id="papers", kind="folder", location={location!r})
dag = build_ingest_dag(declaration, poll_seconds=0.3)
"""
A_DAG_RUN = """
from pathlib import Path
from wellread_airflow.demo.dag_runs import DagFolder

print("ended as", DagFolder(Path({dags!r})).run("ingest__papers").state)
"""


@dataclass(frozen=True)
class Papers:
    """The source ``papers`` of three documents, whose embedder answers slowly."""

    deployment: Deployment
    embedding: EmbeddingServer

    @property
    def folder(self) -> Path:
        return self.deployment.folder / "papers"

    def write(self, word: str) -> None:
        for number in range(3):
            (self.folder / f"paper-{number}.txt").write_text(f"Paper {number} is about {word} and nothing else.\n")
            os.utime(self.folder / f"paper-{number}.txt", (time.time() - 1_000, time.time() - 1_000 + number))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A process inside the deployment, stopped as soon as it has asked the embedder something."""
        self.embedding.reset()
        self.embedding.behave(latency_seconds=1.0)
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        wait_for(lambda: self.embedding.meter().requests_count > 0 or process.poll() is not None)
        assert process.poll() is None, process.communicate()[0]
        process.send_signal(signal.SIGSTOP)
        return process

    def shell(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *self.ingest], capture_output=True, text=True, timeout=300, check=False
        )

    @property
    def ingest(self) -> tuple[str, ...]:
        return ("-m", "wellread", "ingest", str(self.folder), "--json")

    def published(self) -> int:
        with Workspace.open() as workspace, workspace.ledger.reading() as reading:
            return len(revisions.revisions_in_state(reading, "Documents", ["published"], source_id="papers"))


@pytest.fixture
def papers(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Papers]:
    (deployment.folder / "papers").mkdir(exist_ok=True)
    (deployment.dags / "papers.py").write_text(DAG_FILE.format(location=str(deployment.folder / "papers")))
    with embedding_server(dimensions=32) as server, deployment.entered():
        options = {"base_url": server.openai_url, "api_key": "any", "dimensions": "32"}
        monkeypatch.setenv("WELLREAD_EMBEDDER__PROVIDER", "openai")
        for name, value in options.items():
            monkeypatch.setenv(f"WELLREAD_EMBEDDER__OPENAI__{name.upper()}", value)
        yield Papers(deployment, server)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)


def test_a_dag_run_waits_for_the_shell_without_a_worker_and_then_finds_nothing_to_do(
    papers: Papers, capfd: pytest.CaptureFixture[str]
) -> None:
    papers.write("herons")
    first = papers.start(*papers.ingest)

    def is_deferred() -> bool:
        query = "SELECT 1 FROM task_instance WHERE dag_id = 'ingest__papers' AND next_method IS NOT NULL"
        with suppress(Exception):  # before the first run there is no table
            return bool(papers.deployment.rows(query))
        return False

    def go_on() -> bool:
        wait_for(is_deferred)
        was_deferred = is_deferred()
        first.send_signal(signal.SIGCONT)
        return was_deferred

    with ThreadPoolExecutor(1) as pool:
        waited = pool.submit(go_on)
        run = DagFolder(papers.deployment.dags).run("ingest__papers")
    output = first.communicate(timeout=300)[0]
    assert (first.returncode, waited.result()) == (0, True), output
    assert (run.state, states_of(run)["plan_changes"]) == ("success", "success")
    where = rf"shell-\w+ in process {first.pid} on {re.escape(socket.gethostname())}, since 20"
    assert re.search(where, "".join(capfd.readouterr()))
    assert papers.deployment.sheet(run).outcomes == {"unchanged": 3}
    assert papers.published() == 1


@pytest.mark.torture
def test_the_shell_beside_a_dag_run_is_told_which_and_can_be_repeated(papers: Papers) -> None:
    before = papers.published()
    papers.write("kingfishers")
    first = papers.start("-c", A_DAG_RUN.format(dags=str(papers.deployment.dags)))
    second = papers.shell()
    first.send_signal(signal.SIGCONT)
    output = first.communicate(timeout=300)[0]
    assert "ended as success" in output, output[-3_000:]
    assert second.returncode == 75, (second.stdout, second.stderr)
    assert re.search(r"airflow ingest__papers \S+ in process \d+ on \S+, since 20", second.stdout), second.stdout
    again = papers.shell()
    assert again.returncode == 0, again.stderr
    assert papers.published() == before + 1

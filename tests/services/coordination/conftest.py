"""Real processes that begin together."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from wellread.testing.postgres_server import empty_database

WORKERS = 8
Workers = list[subprocess.Popen[str]]


@contextmanager
def workers_at_work(script: str, arguments: Sequence[str], tasks: Sequence[Any]) -> Iterator[Workers]:
    """One process a task; all are ready before the first one begins, and none outlives the block."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in tasks]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker, task in zip(workers, tasks, strict=True):
            assert worker.stdin is not None
            worker.stdin.write(json.dumps(task) + "\n")
            worker.stdin.flush()
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


@pytest.fixture
def at_work() -> Callable[..., Any]:
    """See ``workers_at_work``."""
    return workers_at_work


@pytest.fixture
def results_of() -> Callable[[Workers], list[Any]]:
    """What each worker printed at its end."""

    def collect(workers: Workers) -> list[Any]:
        results = []
        for worker in workers:
            assert worker.stdout is not None
            line = worker.stdout.readline()
            assert line, f"a worker ended without a result: {worker.wait()}"
            results.append(json.loads(line))
        return results

    return collect


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address of an empty ledger."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return empty_database(request.getfixturevalue("postgres_url"))

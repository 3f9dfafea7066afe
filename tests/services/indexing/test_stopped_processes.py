"""A process that was stopped past its lease while another one did the work changes nothing when it goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from wellread.ledger import leases
from wellread.upkeep.rebuilding import rebuild
from wellread.upkeep.reconciling import reconcile
from wellread.upkeep.vacuum import vacuum

pytestmark = [pytest.mark.weaviate, pytest.mark.timeout(600)]

BRIEF = {"ledger": {"lease_seconds": 3.0}, "indexing": {"longest_call_seconds": 2.0, "horizon_seconds": 0.0}}
Stop = Callable[..., Any]
LONG = pytest.mark.torture


@pytest.fixture
def stopped(library: Any) -> Iterator[Callable[[str, str], subprocess.Popen[str]]]:
    """Starts the worker and comes back when it stands still."""
    started: list[subprocess.Popen[str]] = []

    def start(what: str, method: str) -> subprocess.Popen[str]:
        worker = Path(__file__).with_name("stopping_worker.py")
        process = subprocess.Popen(
            [sys.executable, str(worker), what, method, str(library.files.path)],
            env=library.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        deadline = time.monotonic() + 180
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.communicate()


@pytest.fixture(params=["sqlite", "postgres"])
def shared(library: Any, request: pytest.FixtureRequest) -> Any:
    """The library with short leases, on each database."""
    url = {"url": request.getfixturevalue("postgres_url")} if request.param == "postgres" else {}
    library.options = {**BRIEF, "ledger": {**BRIEF["ledger"], **url}}
    return library


def edit(library: Any, word: str) -> None:
    library.files.edit("amber.txt", "the quay", f"the {word} quay")


def wait_until_the_lease_is_over(library: Any) -> None:
    name = f"source {library.collection}/{library.files.path.name}"
    deadline = time.monotonic() + 60
    with library.open() as workspace:
        while time.monotonic() < deadline:
            with workspace.ledger.reading() as reading:
                if leases.find_holder(reading, name) is None:
                    return
            time.sleep(0.1)
    raise AssertionError("the lease never ran out")


def stored(library: Any) -> list[str]:
    index = library.index()
    return [
        json.dumps(index.head, sort_keys=True),
        *sorted(item.frozen() for item in (*index.chunks, *index.versions)),
    ]


def goes_on(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    process.send_signal(signal.SIGCONT)
    output, errors = process.communicate(timeout=180)
    assert "Traceback" not in errors, errors
    return process.returncode, json.loads(output.splitlines()[-1]) if output else {}


def assert_overtaken(library: Any, process: subprocess.Popen[str]) -> None:
    before = stored(library)
    code, told = goes_on(process)
    assert (code, told["class"], told["retryable"]) == (75, "LeaseHeldError", True)
    assert "this process" in told["found"] or "slept" in told["found"]
    assert stored(library) == before
    with library.open() as workspace:
        assert reconcile(workspace.parts, library.collection, repair=False).faults.total() == 0


@pytest.mark.parametrize("method", ["insert_chunks", pytest.param("set_rev_to", marks=LONG)])
def test_a_run_that_was_overtaken_changes_nothing_and_says_so(shared: Any, stopped: Stop, method: str) -> None:
    shared.ingest()
    edit(shared, "long")
    process = stopped("run", method)
    wait_until_the_lease_is_over(shared)
    edit(shared, "short")
    assert shared.ingest().outcomes["committed"] == 1
    assert_overtaken(shared, process)
    assert shared.ingest().outcomes == {"unchanged": 6}


def test_a_recovery_that_was_overtaken_opens_nothing_again(shared: Any, stopped: Stop) -> None:
    """It read what a dead run had closed; the next run closed it for good meanwhile."""
    shared.ingest()
    edit(shared, "long")
    with shared.open() as workspace:
        run = workspace.runner.plan(shared.declaration(), run_id="dies", one_process=False)
        workspace.runner.extract(run, 0)
        workspace.runner.load(run, 0)
    wait_until_the_lease_is_over(shared)
    process = stopped("run", "set_rev_to")
    wait_until_the_lease_is_over(shared)
    assert shared.ingest().outcomes["committed"] == 1
    assert_overtaken(shared, process)


@pytest.mark.parametrize("method", [pytest.param("insert_chunks", marks=LONG), "drop_projection"])
def test_a_rebuild_that_was_overtaken_neither_writes_nor_drops(library: Any, stopped: Stop, method: str) -> None:
    library.options = BRIEF
    library.ingest()
    process = stopped("rebuild", method)
    if method == "insert_chunks":
        wait_until_the_lease_is_over(library)
        edit(library, "long")
        library.ingest()
    with library.open() as workspace:
        assert rebuild(workspace.parts, library.collection, grace_seconds=0).replaced == [1]
    assert_overtaken(library, process)


def test_a_vacuum_whose_copy_was_replaced_meanwhile_deletes_nothing(library: Any, stopped: Stop) -> None:
    library.options = BRIEF
    library.ingest()
    edit(library, "long")
    library.ingest()
    process = stopped("vacuum", "delete_objects")
    with library.open() as workspace:
        rebuild(workspace.parts, library.collection, grace_seconds=0)
    assert_overtaken(library, process)


@LONG
def test_a_vacuum_that_slept_while_another_swept_finds_nothing_left(library: Any, stopped: Stop) -> None:
    library.options = BRIEF
    library.ingest()
    edit(library, "long")
    library.ingest()
    process = stopped("vacuum", "delete_objects")
    with library.open() as workspace:
        assert vacuum(workspace.parts, library.collection).deleted > 0
    before = stored(library)
    assert goes_on(process)[0] == 0
    assert stored(library) == before
    library.assert_exact()

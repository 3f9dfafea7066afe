"""Two runs of one source at once end like one; the second says who has it and what to do."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from typing import Any

import pytest

from wellread.errors import LeaseHeldError

pytestmark = [pytest.mark.weaviate, pytest.mark.timeout(600)]


def test_the_second_of_two_shells_says_who_has_the_source_and_can_be_repeated(library: Any) -> None:
    library.embedding.behave(latency_seconds=1.0)
    first = library.start("ingest", str(library.files.path), "--json")
    deadline = time.monotonic() + 120
    while library.embedding.meter().requests_count == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    first.send_signal(signal.SIGSTOP)  # alive and at work for as long as this test needs
    with library.open() as workspace, pytest.raises(LeaseHeldError) as held:
        workspace.runner.run(library.declaration())
    assert f"in process {first.pid} on {socket.gethostname()}, since 20" in held.value.found
    assert held.value.retry_after_seconds
    second = library.shell("ingest", str(library.files.path), "--json")
    first.send_signal(signal.SIGCONT)
    output, errors = first.communicate(timeout=300)
    assert first.returncode == 0, (output, errors)
    assert second.returncode == 75, (second.stdout, second.stderr)
    said = json.loads(second.stdout)
    assert said["retryable"] is True
    assert f"process {first.pid}" in json.dumps(said)
    library.embedding.reset()
    again = library.shell("ingest", str(library.files.path), "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["documents"]["unchanged"] == 6
    assert library.embedding.meter().texts_count == 0
    library.assert_exact()


def test_a_shell_beside_the_run_of_a_dag_says_which_and_the_dag_ends_as_if_alone(library: Any) -> None:
    with library.open() as workspace:
        runner = workspace.runner
        run = runner.plan(library.declaration(), run_id="ingest__papers manual__1", one_process=False)
        runner.extract(run, 0)
        second = library.shell("ingest", str(library.files.path), "--json")
        assert second.returncode == 75, (second.stdout, second.stderr)
        told = f"ingest__papers manual__1 in process {os.getpid()} on {socket.gethostname()}, since 20"
        assert told in second.stdout
        runner.load(run, 0)
        assert runner.publish(run).sheet.outcomes == {"committed": 6}
    library.assert_exact()

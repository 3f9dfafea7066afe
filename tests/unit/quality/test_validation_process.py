"""Great Expectations in a process of its own says what it says in this one, and its death is an error."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from wellread.errors import SystemicError
from wellread.quality.run_assessment import assess_run
from wellread.quality.run_rules import RunRule, RunTable
from wellread.quality.validation_process import ValidationProcess
from wellread.runs import DocumentStatistics

RULES = [RunRule("failed_share", "failed", "mean", None, 0.5, "share of documents that failed")]


def table(*failed: float) -> RunTable:
    return RunTable(tuple(f"doc-{number}" for number in range(len(failed))), {"failed": list(failed)})


def child_of(process: ValidationProcess) -> int:
    assert process._process is not None
    return process._process.pid


def test_it_judges_table_after_table_writes_the_report_and_leaves_no_process(tmp_path: Path) -> None:
    process = ValidationProcess()
    try:
        process.start()
        pid = child_of(process)
        good, uri = process.validate(table(0.0, 0.0, 1.0, 0.0), RULES, report_folder=tmp_path / "docs")
        assert good == {"failed_share": (True, 0.25)}
        assert uri == (tmp_path / "docs" / "index.html").as_uri()
        assert (tmp_path / "docs" / "index.html").is_file()
        bad, uri = process.validate(table(1.0, 1.0), RULES, report_folder=None)
        assert (bad, uri) == ({"failed_share": (False, 1.0)}, None)
        broken = [RunRule("lost", "failed", "mean", None, "much", "a limit that is none")]  # type: ignore[arg-type]
        with pytest.raises(SystemicError, match=r"lost|Great Expectations"):
            process.validate(table(1.0), broken, report_folder=None)
    finally:
        process.close()
        process.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_killed_process_is_an_error_that_says_so() -> None:
    process = ValidationProcess()
    try:
        process.start()
        os.kill(child_of(process), signal.SIGKILL)
        time.sleep(0.1)
        with pytest.raises(SystemicError, match="process that runs Great Expectations died"):
            process.validate(table(0.0), RULES, report_folder=None)
    finally:
        process.close()


def test_without_a_start_nothing_is_started() -> None:
    process = ValidationProcess()
    rows: list[DocumentStatistics] = []
    assert assess_run(rows, validation=process).passed
    assert not process.is_started

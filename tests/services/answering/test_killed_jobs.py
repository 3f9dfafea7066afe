"""A real process is killed in the middle of a job; the next one pays for no stored answer again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from wellread.answering.jobs.running import finish_job
from wellread.artifacts.folder import FolderArtifacts
from wellread.ledger.database import Ledger
from wellread.ledger.question_jobs import QuestionJobs

WORKER = Path(__file__).with_name("paid_worker.py")
QUESTION_COUNT = 60


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WORKER), str(folder), *arguments], stdout=subprocess.PIPE, text=True
    )


def output_of(worker: subprocess.Popen[str]) -> str:
    printed, _ = worker.communicate(timeout=300)
    assert worker.returncode == 0
    return printed.strip()


def bills(folder: Path) -> list[str]:
    path = folder / "bills.txt"
    return path.read_text("utf-8").splitlines() if path.exists() else []


def kill_after(folder: Path, reference: str, bill_count: int) -> None:
    worker = start(folder, reference)
    while len(bills(folder)) < bill_count and worker.poll() is None:
        time.sleep(0.002)
    worker.kill()
    worker.communicate()


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_twice_a_job_pays_only_for_rows_in_flight(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    reference = output_of(start(tmp_path))
    first = draw.randint(1, 30)
    kill_after(tmp_path, reference, first)
    kill_after(tmp_path, reference, first + draw.randint(1, 25))
    report = json.loads(output_of(start(tmp_path, reference)))
    paid = Counter(bills(tmp_path))
    twice = {question for question, count in paid.items() if count > 1}
    assert len(paid) == QUESTION_COUNT
    assert sum(paid.values()) <= QUESTION_COUNT + 2  # one worker has one row in flight: at most one a kill
    assert twice <= {identity.replace("q", "question ") for identity in report["maybe_billed"]}
    assert report["statuses"] == {"answered": QUESTION_COUNT}
    rows = finish_job(
        reference,
        ledger=QuestionJobs(Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")),
        artifacts=FolderArtifacts(tmp_path / "artifacts"),
    )
    assert [row.question for row in rows] == [f"question {number}" for number in range(QUESTION_COUNT)]
    assert all(row.answer == f"The answer to {row.question} is known." for row in rows)

"""The whole counts: 1,000 questions, killed at 20 random points, directly and in batches. `make torture`."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wellread.testing.provider_server import ProviderServer

pytestmark = pytest.mark.torture

Start = Any
Output = Callable[["subprocess.Popen[str]"], Any]
QUESTION_COUNT = 1000
CONCURRENCY = 8
REPETITIONS = 20
RESULTS = Path(__file__).parents[3] / "benchmarks" / "results" / "torture_questions.json"


def record(mode: str, seed: int, found: dict[str, Any]) -> None:
    """Keep the figures of one repetition beside those of the others."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"benchmark": "torture_questions"}
    runs = known.setdefault(mode, {})
    runs[str(seed)] = found
    RESULTS.write_text(json.dumps(known, indent=1) + "\n")


def _listed(output: Any) -> set[int]:
    return {int(name.removeprefix("q")) for name in output["report"]["maybe_billed"]}


def _asked(row: Any) -> int:
    return int("".join(character for character in row.question if character.isdigit()))


@pytest.mark.parametrize("seed", range(REPETITIONS))
def test_direct_requests(seed: int, start: Start, output_of: Output, provider: ProviderServer) -> None:
    point = random.Random(seed).randint(1, QUESTION_COUNT - 1) if seed else 900
    plan = start.plan(question_count=QUESTION_COUNT)
    worker = start("execute", plan=plan, concurrency=CONCURRENCY)
    while provider.meter().billed_count < point and worker.poll() is None:
        time.sleep(0.005)
    worker.kill()
    worker.communicate()
    output = output_of(start("execute", plan=plan, concurrency=CONCURRENCY))
    meter = provider.meter()
    twice = {_asked(row) for row in meter.repeated.values()}
    record("direct", seed, {"killed_at": point, "billed_twice": len(twice), "listed": len(_listed(output))})
    assert output["report"]["statuses"] == {"answered": QUESTION_COUNT}
    assert len(meter.billed) == QUESTION_COUNT
    assert meter.billed_count - QUESTION_COUNT <= CONCURRENCY
    assert twice <= _listed(output)
    assert len(_listed(output)) <= CONCURRENCY


@pytest.mark.parametrize("seed", range(REPETITIONS))
def test_batches(seed: int, start: Start, output_of: Output, provider: ProviderServer) -> None:
    seconds = random.Random(seed).uniform(1.0, 12.0)
    provider.behave(batch_seconds=4.0)
    plan = start.plan(question_count=QUESTION_COUNT)
    worker = start("execute", plan=plan, sending="batch", concurrency=CONCURRENCY)
    time.sleep(seconds)
    worker.kill()
    worker.communicate()
    output = output_of(start("execute", plan=plan, sending="batch", concurrency=CONCURRENCY))
    meter = provider.meter()
    twice = {_asked(row) for row in meter.repeated.values()}
    found = {"killed_after_seconds": round(seconds, 2), "billed_twice": len(twice), "listed": len(_listed(output))}
    record("batch", seed, found)
    assert output["report"]["statuses"] == {"answered": QUESTION_COUNT}
    assert len(meter.billed) == QUESTION_COUNT
    assert meter.repeated == {}

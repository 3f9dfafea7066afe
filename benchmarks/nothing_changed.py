"""A run with nothing changed over 10,000 plain-text files: ``python -m benchmarks.nothing_changed``.

Small made files, the testing embedder over HTTP, a real server. First 1,000 files are loaded, then 9,000 more, each
as a process of its own (rate and peak memory of the ingesting process are noted). Then the same command runs again
with nothing changed: as a process, and in this process over an open workspace.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.reporting import load_average, write_results
from benchmarks.serving import forget_settings, home_folder, testing_deployment
from benchmarks.synthetic import Words

from wellread.sources.declarations import declaration_for_folder
from wellread.workspace import Workspace

TARGET_SECONDS = 10.0
DIMENSIONS = 64
FIRST_COUNT = 1_000
REPEATS = 5
FILE_WORDS = 60


def write_files(folder: Path, first: int, last: int) -> None:
    """Files ``first`` to ``last`` (exclusive), touched an hour ago: a file of this moment is not trusted yet."""
    words = Words(first)
    then = time.time() - 3_600
    for number in range(first, last):
        path = folder / f"part-{number % 100:02}" / f"note-{number:05}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(words.text(FILE_WORDS), encoding="utf-8")
        os.utime(path, (then, then))


def ingest_process(folder: Path) -> tuple[float, dict[str, Any]]:
    """Wall seconds and balance sheet of ``wellread ingest`` as a process."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "wellread", "ingest", str(folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"wellread ingest ended with {done.returncode}: {done.stderr[-2_000:]}")
    sheet: dict[str, Any] = json.loads(done.stdout)
    return seconds, sheet


def children_seconds() -> float:
    """Processor time of all child processes that have ended: what a busy machine hardly moves."""
    times = os.times()
    return times.children_user + times.children_system


def first_load(folder: Path, first: int, last: int) -> dict[str, object]:
    """Load files that are new; what the run cost."""
    write_files(folder, first, last)
    load_before = load_average()
    seconds, sheet = ingest_process(folder)
    assert sheet["documents"]["committed"] == last - first, sheet
    return {
        "documents_added": last - first,
        "documents_total": last,
        "seconds": round(seconds, 1),
        "documents_per_second": round((last - first) / seconds, 1),
        "peak_memory_mib": round(sheet["peak_memory_bytes"] / 2**20),
        "load_average": [load_before, load_average()],
    }


def check_idle(sheet: dict[str, Any], count: int) -> None:
    """Nothing was parsed, embedded, written or published."""
    assert sheet["documents"]["unchanged"] == count, sheet
    assert not sheet["parsed"], sheet
    assert not sheet["embeddings"]["computed"], sheet
    assert not sheet["index_writes"], sheet
    assert not sheet["published"], sheet


def idle_runs(folder: Path, count: int) -> dict[str, object]:
    """The same again, five times each way, in turns."""
    declaration = declaration_for_folder(folder)
    processes, inside, used = [], [], []
    load_before = load_average()
    with Workspace.open() as workspace:
        for _ in range(REPEATS):
            before = children_seconds()
            seconds, sheet = ingest_process(folder)
            used.append(children_seconds() - before)
            check_idle(sheet, count)
            processes.append(seconds)
            started = time.perf_counter()
            check_idle(workspace.runner.run(declaration).as_dict(), count)
            inside.append(time.perf_counter() - started)
    return {
        "process_seconds_median": round(median(processes), 2),
        "process_seconds": [round(value, 2) for value in processes],
        "process_processor_seconds_median": round(median(used), 2),
        "library_seconds_median": round(median(inside), 2),
        "library_seconds": [round(value, 2) for value in inside],
        "load_average": [load_before, load_average()],
    }


def measured_in(home: Path, count: int) -> dict[str, object]:
    """Load and repeat."""
    folder = home / "documents"
    with testing_deployment(home, dimensions=DIMENSIONS):
        first = min(FIRST_COUNT, count // 2)
        loads = [first_load(folder, 0, first)]
        print(loads[-1], file=sys.stderr, flush=True)
        loads.append(first_load(folder, first, count))
        print(loads[-1], file=sys.stderr, flush=True)
        idle = idle_runs(folder, count)
    return {
        "documents_count": count,
        "first_loads": loads,
        "nothing_changed": idle,
        "target_seconds": TARGET_SECONDS,
    }


def main() -> int:
    """Measure and write ``results/nothing_changed.json``; 1 where the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000)
    options = parser.parse_args()
    forget_settings()
    with home_folder(None) as home:
        results = measured_in(home, options.documents)
    path = write_results("nothing_changed", results, packages=["weaviate-client", "sqlalchemy", "openai"])
    print(path.read_text(encoding="utf-8"))
    idle = results["nothing_changed"]
    assert isinstance(idle, dict)
    return 0 if idle["process_seconds_median"] < TARGET_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())

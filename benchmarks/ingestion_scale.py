"""Ten times the documents: memory, and the time of an idle run: ``python -m benchmarks.ingestion_scale``.

Small made plain-text files of one chunk each, the testing embedder over HTTP, a real server. 10,000 files are
loaded into an empty home and looked at again; then 90,000 more, and looked at again. Every run is a process of its
own; the peak is that of its whole process tree (parsing children too; Weaviate and the embedder are no part of it),
by the proportional set size, so that pages which children share with their parent count once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from benchmarks.nothing_changed import DIMENSIONS, check_idle, write_files
from benchmarks.reporting import load_average, write_results
from benchmarks.serving import forget_settings, home_folder, testing_deployment

LEAST, MOST = 10_000, 100_000
MEMORY_RATIO = 1.1
IDLE_RATIO = 12.0
REPEATS = 3
SECONDS_BETWEEN_LOOKS = 0.5


def tree_bytes(process: psutil.Process) -> int:
    """Proportional set size of a process and all its descendants."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.Error):
            total += one.memory_full_info().pss
    return total


def watched_ingest(folder: Path) -> tuple[float, int, dict[str, Any]]:
    """Wall seconds, peak bytes of the process tree, and the balance sheet of ``wellread ingest``."""
    command = [sys.executable, "-m", "wellread", "ingest", str(folder), "--json"]
    peak_bytes, started = 0, time.perf_counter()
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as problems:
        child = subprocess.Popen(command, stdout=said, stderr=problems, text=True)
        process = psutil.Process(child.pid)
        while child.poll() is None:
            with suppress(psutil.Error):
                peak_bytes = max(peak_bytes, tree_bytes(process))
            time.sleep(SECONDS_BETWEEN_LOOKS)
        seconds = time.perf_counter() - started
        said.seek(0)
        problems.seek(0)
        if child.returncode:
            raise RuntimeError(f"wellread ingest ended with {child.returncode}: {problems.read()[-2_000:]}")
        sheet: dict[str, Any] = json.loads(said.read())
    return seconds, peak_bytes, sheet


def stage(folder: Path, first: int, last: int) -> dict[str, Any]:
    """Load the files that are new, then look again at all of them."""
    write_files(folder, first, last)
    before = load_average()
    seconds, peak_bytes, sheet = watched_ingest(folder)
    assert sheet["documents"]["committed"] == last - first, sheet
    idle = []
    for _ in range(REPEATS):
        idle.append(watched_ingest(folder))
        check_idle(idle[-1][2], last)
    found = {
        "documents_added": last - first,
        "documents_total": last,
        "load_seconds": round(seconds, 1),
        "peak_tree_mib": round(peak_bytes / 2**20, 1),
        "peak_process_mib": round(sheet["peak_memory_bytes"] / 2**20, 1),
        "idle_seconds_median": round(median(one[0] for one in idle), 2),
        "idle_seconds": [round(one[0], 2) for one in idle],
        "idle_peak_tree_mib": round(max(one[1] for one in idle) / 2**20, 1),
        "load_average": [before, load_average()],
    }
    print(found, file=sys.stderr, flush=True)
    return found


def measured_in(home: Path, least: int, most: int) -> dict[str, object]:
    """Both stages, and their ratios."""
    folder = home / "documents"
    with testing_deployment(home, dimensions=DIMENSIONS):
        small = stage(folder, 0, least)
        large = stage(folder, least, most)
    return {
        "stages": [small, large],
        "memory_ratio": round(large["peak_tree_mib"] / small["peak_tree_mib"], 3),
        "memory_ratio_target": MEMORY_RATIO,
        "idle_ratio": round(large["idle_seconds_median"] / small["idle_seconds_median"], 2),
        "idle_ratio_target": IDLE_RATIO,
    }


def main() -> int:
    """Measure and write ``results/ingestion_scale.json``; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--least", type=int, default=LEAST)
    parser.add_argument("--most", type=int, default=MOST)
    options = parser.parse_args()
    forget_settings()
    with home_folder(None) as home:
        results = measured_in(home, options.least, options.most)
    path = write_results("ingestion_scale", results, packages=["weaviate-client", "sqlalchemy", "openai"])
    print(path.read_text(encoding="utf-8"))
    met = results["memory_ratio"] <= MEMORY_RATIO and results["idle_ratio"] <= IDLE_RATIO  # type: ignore[operator]
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

"""Kill `wellread ingest`, Airflow's tasks and the Weaviate server many times and count what was harmed.

``python -m benchmarks.torture`` runs the torture tests that count kills and writes ``results/torture.json``; half
an hour. What the tests are and when they fail: ``tests/services/indexing/test_kills.py``,
``tests/services/indexing/test_killed_servers_of_runs.py``, ``tests/airflow/local/test_killed_tasks.py``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.reporting import RESULTS_FOLDER, load_average, write_results

TESTS = (
    "tests/services/indexing/test_kills.py",
    "tests/services/indexing/test_killed_servers_of_runs.py",
    "tests/airflow/local/test_killed_tasks.py",
)


def tallies(report: Path) -> Iterable[Mapping[str, Any]]:
    """What the tests counted, with their names, from their report in XML."""
    for case in ET.parse(report).iter("testcase"):
        for found in case.iter("property"):
            if found.get("name") == "tally":
                yield {"test": case.get("name"), **json.loads(str(found.get("value")))}


def summed(found: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """One entry a victim, whatever the number of its tests."""
    totals: dict[str, dict[str, Any]] = {}
    for tally in found:
        total = totals.setdefault(
            tally["victim"],
            {"seeds": [], "kills": 0, "found_by_the_oracle": {}, "embeddings_repeated": 0, "moments": {}},
        )
        total["seeds"].append(tally["seed"])
        for name in ("kills", "embeddings_repeated", "embeddings_repeated_beyond_those_in_flight"):
            total[name] = total.get(name, 0) + tally[name]
        for name in ("found_by_the_oracle", "moments"):
            both = Counter(total[name])
            both.update(tally[name])
            total[name] = dict(both)
    return totals


def commit() -> str:
    """The version that was tortured; ``+`` where files differ from it."""
    hash_of = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    )
    changes = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=False)
    return hash_of.stdout.strip() + ("+" if changes.stdout.strip() else "")


def main() -> int:
    """The exit status of the tests; the counts are written either way."""
    before, began, version = load_average(), time.monotonic(), commit()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "torture.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n0", "-m", "torture", f"--junitxml={report}", *TESTS]
        status = subprocess.run(command, check=False).returncode
        totals = summed(tallies(report))
        cases = list(ET.parse(report).iter("testcase"))
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    older = json.loads((RESULTS_FOLDER / "torture.json").read_text(encoding="utf-8")).get("earlier", [])
    results = {
        "version": version,
        "tests": list(TESTS),
        "passed": len(cases) - failed,
        "failed": failed,
        "victims": totals,
        "seconds": round(time.monotonic() - began),
        "load_average": [before, load_average()],
        "earlier": older,
    }
    print(write_results("torture", results))
    return status


if __name__ == "__main__":
    sys.exit(main())

"""Kill `wellread ingest`, the Weaviate server and Airflow's tasks many times and count what was harmed.

``python -m benchmarks.torture`` runs the torture tests that count kills, half an hour, and writes what they counted
into ``results/torture.json``, each victim with its own version; ``python -m benchmarks.torture server`` runs one.
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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.reporting import RESULTS_FOLDER, load_average, write_results

VICTIMS = {
    "ingest": "tests/services/indexing/test_kills.py",
    "server": "tests/services/indexing/test_killed_servers_of_runs.py",
    "task": "tests/airflow/local/test_killed_tasks.py",
}
_NUMBERS = ("kills", "embeddings_repeated", "embeddings_repeated_beyond_those_in_flight")
_COUNTERS = ("found_by_the_oracle", "moments")


def tallies(report: ET.ElementTree[Any]) -> list[Mapping[str, Any]]:
    """What each test counted."""
    found = report.iter("property")
    return [json.loads(str(item.get("value"))) for item in found if item.get("name") == "tally"]


def summed(found: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One entry for all tests of a victim."""
    total: dict[str, Any] = {"seeds": [], **dict.fromkeys(_NUMBERS, 0), **{name: {} for name in _COUNTERS}}
    for tally in found:
        total["victim"] = tally["victim"]
        total["seeds"].append(tally["seed"])
        for name in _NUMBERS:
            total[name] += tally[name]
        for name in _COUNTERS:
            both = Counter(total[name])
            both.update(tally[name])
            total[name] = dict(both)
    return total


def commit() -> str:
    """The version that is tortured; ``+`` where files differ from it."""
    return _git("rev-parse", "--short=12", "HEAD") + ("+" if _git("status", "--porcelain") else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()


def torture(test: str) -> tuple[int, dict[str, Any]]:
    """The exit status of the tests of one victim, and what they counted."""
    before, began, version = load_average(), time.monotonic(), commit()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "torture.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n0", "-m", "torture", f"--junitxml={path}", test]
        status = subprocess.run(command, check=False).returncode
        report = ET.parse(path)
    cases = list(report.iter("testcase"))
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    return status, {
        **summed(tallies(report)),
        "test": test,
        "version": version,
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "passed": len(cases) - failed,
        "failed": failed,
        "seconds": round(time.monotonic() - began),
        "load_average": [before, load_average()],
    }


def main() -> int:
    """1 where a test failed; the counts are written either way."""
    statuses = []
    for name in sys.argv[1:] or VICTIMS:
        status, entry = torture(VICTIMS[name])
        statuses.append(status)
        kept = json.loads((RESULTS_FOLDER / "torture.json").read_text(encoding="utf-8"))
        victims = {**kept.get("victims", {}), name: entry}
        print(write_results("torture", {"victims": victims, "earlier": kept.get("earlier", [])}))
    return int(any(statuses))


if __name__ == "__main__":
    sys.exit(main())

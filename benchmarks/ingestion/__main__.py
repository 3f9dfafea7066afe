"""Keeping an index in step, by Wellread and by others: ``python -m benchmarks.ingestion``.

Every cell is one workload by one contestant: real processes, a real Weaviate, a metering embedding server, and an
oracle that reads everything back (``oracle``). Results go to ``results/ingestion.json``, cell by cell, so that a
part can be measured again:
``python -m benchmarks.ingestion --contestants wellread langchain_full --workloads W0 W1``.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.ingestion.arena import Arena
from benchmarks.ingestion.competing import DIMENSIONS, contestants
from benchmarks.ingestion.interruptions import INTERRUPTED
from benchmarks.ingestion.table import table
from benchmarks.ingestion.workloads import PLAIN, Sizes, Workload
from benchmarks.reporting import RESULTS_FOLDER, load_average, machine, versions
from benchmarks.serving import forget_settings, home_folder

from wellread.testing.provider_server import provider_process

WORKLOADS: dict[str, Workload] = {**PLAIN, **INTERRUPTED}
_PATH = RESULTS_FOLDER / "ingestion.json"


def store(name: str, note: str, workload: str, cell: Mapping[str, Any]) -> None:
    """Put one cell into the results; several processes may do so at once."""
    with Path(__file__).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        report: dict[str, Any] = json.loads(_PATH.read_text(encoding="utf-8")) if _PATH.is_file() else {}
        report |= {
            "benchmark": "ingestion",
            "machine": machine(),
            "versions": versions(["weaviate-client", "openai"]),
        }
        report.setdefault("contestants", {})[name] = note
        cells = report.setdefault("workloads", {}).setdefault(workload, {})
        cells[name] = dict(cell)
        report["workloads"] = dict(sorted(report["workloads"].items(), key=lambda item: _order(item[0])))
        _PATH.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _order(workload: str) -> tuple[int, str]:
    number = "".join(character for character in workload if character.isdigit())
    return int(number), workload


def main() -> int:
    """Measure what is named; 1 where a cell could not be measured."""
    known = contestants()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contestants", nargs="+", choices=list(known), default=list(known))
    parser.add_argument("--workloads", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--documents", type=int, default=200, help="of the plain workloads")
    parser.add_argument("--fault-documents", type=int, default=150, help="of the workloads with faults")
    parser.add_argument("--home", help="where stores and states are; kept. Else a temporary folder")
    parser.add_argument("--table", action="store_true", help="print the stored results, measure nothing")
    options = parser.parse_args()
    if options.table:
        print(table(json.loads(_PATH.read_text(encoding="utf-8"))))
        return 0
    forget_settings()
    sizes = Sizes(options.documents, options.fault_documents)
    failed = 0
    for name in options.contestants:
        with (
            home_folder(options.home) as home,
            provider_process(dimensions=DIMENSIONS, kept_requests=0) as embedder,
        ):
            arena = Arena(home / name, known[name], embedder)
            try:
                for workload in options.workloads:
                    failed += not _measure(arena, workload, sizes)
            finally:
                arena.close()
    return 1 if failed else 0


def _measure(arena: Arena, workload: str, sizes: Sizes) -> bool:
    contestant, before = arena.contestant, load_average()
    try:
        cell = WORKLOADS[workload](arena, sizes)
    except Exception as error:  # noqa: BLE001  one broken cell must not lose the others
        print(f"{contestant.name} {workload}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return False
    cell["load_average"] = [before, load_average()]
    store(contestant.name, contestant.note, workload, cell)
    print(contestant.name, workload, json.dumps(cell), flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())

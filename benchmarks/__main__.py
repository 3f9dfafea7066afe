"""All benchmarks of speed, one after the other, and one table of what was reached: ``python -m benchmarks``.

Each runs in a process of its own and writes ``results/<name>.json``. The quality of answers and retrieval needs
public question sets: ``python benchmarks/quality.py --help``; so do the checks of quotes and the injected texts:
``python -m benchmarks.quotes`` and ``python -m benchmarks.injection``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.reporting import RESULTS_FOLDER

NAMES = (
    *("dag_parse", "embedder", "loading", "nothing_changed", "searching"),
    *("prompt_execution", "retrieval_operator"),
)
Results = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """One promised figure: where it stands and what it should be."""

    benchmark: str
    what: str
    target: str
    read: Callable[[Results], float]
    is_met: Callable[[float], bool]


FIGURES = (
    Figure(
        "loading",
        "loading, vectors at hand, of bare insert_many",
        ">= 0.60",
        lambda found: float(found["ratio_median_of_turns"]),
        lambda value: value >= 0.6,
    ),
    Figure(
        "embedder",
        "local embedder, of the matrix-product ceiling",
        ">= 0.60",
        lambda found: float(found["all_cores_by_wall_clock"]["ratio_to_ceiling"]),
        lambda value: value >= 0.6,
    ),
    Figure(
        "nothing_changed",
        "nothing changed, 10,000 files, a process, seconds",
        "< 10",
        lambda found: float(found["nothing_changed"]["process_seconds_median"]),
        lambda value: value < 10,
    ),
    Figure(
        "nothing_changed",
        "nothing changed, 10,000 files, the library, seconds",
        "< 10",
        lambda found: float(found["nothing_changed"]["library_seconds_median"]),
        lambda value: value < 10,
    ),
    Figure(
        "searching",
        "search under a snapshot, of the bare query",
        "<= 1.3",
        lambda found: float(found["search_ratio"]),
        lambda value: value <= 1.3,
    ),
    Figure(
        "searching",
        "whole default pipeline, of the bare query with vectors, which it asks for",
        "<= 3",
        lambda found: float(found["pipeline_to_bare_with_vectors_ratio"]),
        lambda value: value <= 3,
    ),
    Figure(
        "searching",
        "whole default pipeline, of the bare query without vectors",
        "<= 3",
        lambda found: float(found["pipeline_ratio"]),
        lambda value: value <= 3,
    ),
    Figure(
        "prompt_execution",
        "executing 1,000 prompts, of bare asynchronous calls",
        "<= 3",
        lambda found: float(found["ratio_median_of_turns"]),
        lambda value: value <= 3,
    ),
    Figure(
        "retrieval_operator",
        "1,000 questions through the operator, of the library",
        "<= 1.2",
        lambda found: float(found["ratio_median_of_turns"]),
        lambda value: value <= 1.2,
    ),
    Figure(
        "dag_parse",
        "slowest DAG file, seconds of the processor",
        "report",
        lambda found: max(float(file["processor_seconds_median"]) for file in found["files"].values()),
        lambda _: True,
    ),
    Figure(
        "dag_parse",
        "DAG files that import a heavy package",
        "0",
        lambda found: float(len(found["forbidden_imports_found"])),
        lambda value: value == 0,
    ),
)


def table() -> str:
    """Markdown: target and reached, of the results that are there."""
    lines = ["| what | target | reached | |", "|---|---|---|---|"]
    for figure in FIGURES:
        path = RESULTS_FOLDER / f"{figure.benchmark}.json"
        if not path.is_file():
            lines.append(f"| {figure.what} | {figure.target} | not measured | |")
            continue
        value = figure.read(json.loads(path.read_text(encoding="utf-8")))
        mark = "reached" if figure.is_met(value) else "**missed**"
        lines.append(f"| {figure.what} | {figure.target} | {value:g} | {mark} |")
    return "\n".join(lines)


def main() -> int:
    """Run what is named (all by default; ``table`` only prints); 1 where a target is missed or a run failed."""
    chosen = sys.argv[1:] or list(NAMES)
    if chosen == ["table"]:
        print(table())
        return 0
    failed = []
    for name in chosen:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
    print(table())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Keeping an index in step, by Wellread and by others: ``python -m benchmarks.ingestion --home FOLDER --resume``.

Every cell is one workload by one contestant: real processes, a real Weaviate, a metering embedding server, and an
oracle that reads everything back (``oracle``). One cell at a time. Results go to ``results/ingestion.json`` after
each: what was broken off goes on with ``--resume``, and a part can be measured again:
``python -m benchmarks.ingestion --contestants wellread langchain_full --workloads W0 W1``.
``--home`` keeps the loaded states, from which the others begin: use it for one version of the program only.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.ingestion.alone import ALONE
from benchmarks.ingestion.arena import Arena
from benchmarks.ingestion.competing import DIMENSIONS, MODEL, Contestant, Sizes
from benchmarks.ingestion.interruptions import INTERRUPTED
from benchmarks.ingestion.peers import contestants
from benchmarks.ingestion.results import Results, order_of
from benchmarks.ingestion.table import table
from benchmarks.ingestion.workloads import PLAIN, Result, Workload
from benchmarks.reporting import RESULTS_FOLDER, load_average
from benchmarks.serving import forget_settings, home_folder

from wellread.testing.provider_server import provider_process

WORKLOADS: dict[str, Workload] = {**PLAIN, **INTERRUPTED, **ALONE}
FIRST = ("W0", "W1", "W2", "W3", "W8", "W8u", "W9", "W10", "W10b", "W14")
"""The workloads that have a target, before the others."""


def _options(known: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contestants", nargs="+", choices=known, default=known)
    parser.add_argument("--workloads", nargs="+", choices=sorted(WORKLOADS, key=order_of))
    parser.add_argument("--documents", type=int, default=1_000, help="of the plain workloads")
    parser.add_argument("--fault-documents", type=int, default=150, help="of the workloads with faults")
    parser.add_argument("--home", help="where stores and states are; kept. Else a temporary folder")
    parser.add_argument("--results", type=Path, default=RESULTS_FOLDER / "ingestion.json")
    parser.add_argument("--resume", action="store_true", help="leave what was measured in the last 12 hours")
    parser.add_argument("--turns", type=int, default=1, help="so often, in turn; the median by time is kept")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no cell after so many")
    parser.add_argument("--table", action="store_true", help="print the stored results, measure nothing")
    return parser.parse_args()


def main() -> int:
    """Measure what is named; 1 where a cell could not be measured, or time ran out."""
    known = contestants()
    options = _options(list(known))
    results = Results(options.results)
    if options.table:
        print(table(results.read()))
        return 0
    forget_settings()
    sizes = Sizes(options.documents, options.fault_documents)
    cells = list(cells_of([one for one in known.values() if one.name in options.contestants], options.workloads))
    if options.resume:
        cells = [(one, name) for one, name in cells if not results.has(one.name, name, sizes.at_most(one.most))]
    ends, left, taken = time.monotonic() + 60 * options.minutes, len(cells) * options.turns, Turns(results)
    with home_folder(options.home) as home:
        for contestant, part in itertools.groupby(cells * options.turns, key=lambda cell: cell[0]):
            if time.monotonic() > ends:
                break
            with _arena(home, contestant) as arena:
                for _, workload in part:
                    if time.monotonic() > ends:
                        continue
                    left -= _measure(arena, workload, sizes.at_most(contestant.most), taken)
                    print(f"{left} cells are left", file=sys.stderr, flush=True)
    return 0 if left == 0 else 1


class Turns:
    """Cells that are measured several times: a host has slow minutes."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._taken: dict[tuple[str, str], list[Result]] = {}

    def store(self, contestant: Contestant, workload: str, cell: Result, sizes: Sizes) -> None:
        """Keep the median by time of those so far, and beside it the times of all."""
        turns = self._taken.setdefault((contestant.name, workload), [])
        turns.append(cell)
        if len(turns) > 1:
            turns_seconds = [turn.get("seconds") or turn["cell_seconds"] for turn in turns]
            middle = sorted(range(len(turns)), key=turns_seconds.__getitem__)[(len(turns) - 1) // 2]
            cell = {**turns[middle], "seconds_of_turns": turns_seconds}
        self._results.store(contestant.name, contestant.note, workload, cell, sizes)


def cells_of(chosen: Sequence[Contestant], workloads: Sequence[str] | None) -> Iterator[tuple[Contestant, str]]:
    """Each contestant's workloads that have a target, then each contestant's others."""
    others = sorted(WORKLOADS.keys() - set(FIRST), key=order_of)
    for part in [workloads] if workloads else [FIRST, others]:
        for contestant in chosen:
            yield from ((contestant, name) for name in part if name not in ALONE or contestant.name == "wellread")


@contextmanager
def _arena(home: Path, contestant: Contestant) -> Iterator[Arena]:
    with provider_process(dimensions=DIMENSIONS, kept_requests=0, model=MODEL) as embedder:
        arena = Arena(home / contestant.name, contestant, embedder)
        try:
            yield arena
        finally:
            arena.close()


def _measure(arena: Arena, workload: str, sizes: Sizes, taken: Turns) -> bool:
    contestant, before, started = arena.contestant, load_average(), time.perf_counter()
    reason = contestant.cannot.get(workload)
    try:
        cell: Result = {"cannot": reason} if reason else WORKLOADS[workload](arena, sizes)
    except Exception as error:  # noqa: BLE001  one broken cell must not lose the others
        print(f"{contestant.name} {workload}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return False
    cell["load_average"] = [before, load_average()]
    cell["cell_seconds"] = round(time.perf_counter() - started, 1)
    taken.store(contestant, workload, cell, sizes)
    print(contestant.name, workload, json.dumps(cell), flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())

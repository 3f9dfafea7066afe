"""A migration under queries and running ingestion: ``python -m benchmarks.migrating [DOCUMENTS]``.

Four readers ask twenty queries a second before a migration, during it, and after its switch and rollback, while
files are written and ingested. Counted: failed queries (the store refuses a vector whose dimensions are not its
copy's, so an answer from a mixture of models would be one), and documents lost on rollback. An error that is not
ours ends the measurement. Latencies are compared with those before the migration, on the same machine.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.reporting import load_average, write_results

from wellread.errors import LeaseHeldError, RevisionClosedError, WellreadError
from wellread.ledger import projections, revisions
from wellread.server.temporary import local_weaviate
from wellread.sources.declarations import declaration_for_folder
from wellread.testing.embedding_server import embedding_server
from wellread.upkeep.migrating import Migrated, migrate, roll_back
from wellread.upkeep.reconciling import reconcile
from wellread.workspace import Workspace

COLLECTION = "Benchmark"
QUERIES_PER_SECOND = 20
READERS = 4
BEFORE_SECONDS = 15.0


@dataclass
class Asked:
    """What the readers met."""

    stop: threading.Event = field(default_factory=threading.Event)
    latencies: dict[str, list[float]] = field(default_factory=dict)
    phase: str = "before"
    problems: list[str] = field(default_factory=list)
    """Of queries that failed or found nothing, and of runs that failed other than by a lease or a rollback."""
    runs: int = 0
    runs_repeated: int = 0
    dimensions: set[int] = field(default_factory=set)
    seconds: float = 0.0


def _settings(home: Path, address: Any, url: str, dimensions: int, previous: int | None) -> dict[str, Any]:
    def embedder(size: int) -> dict[str, Any]:
        openai = {"base_url": url, "api_key": "any", "model": f"model-{size}", "dimensions": size}
        return {"provider": "openai", "openai": {**openai, "request_dimensions": "ask"}}

    names = ("http_host", "http_port", "grpc_host", "grpc_port", "api_key")
    server = {name: getattr(address, name) for name in names}
    settings = {"home": home, "collection": COLLECTION, "server": server, "embedder": embedder(dimensions)}
    return settings if previous is None else {**settings, "previous_embedder": embedder(previous)}


def _write(folder: Path, name: str, number: int) -> None:
    text = "\n\n".join(
        f"Part {part} of report {number} tells of harbour {number * 7 + part}, of its {number + part} cranes and "
        f"of the council that counts the ropes and lamps of quay {number % 13} every spring." * 3
        for part in range(5)
    )
    (folder / name).write_text(text, "utf-8")


def _ask(settings: dict[str, Any], asked: Asked) -> None:
    number = 0
    with Workspace.open(settings) as workspace:
        while not asked.stop.is_set():
            started = time.perf_counter()
            number += 1
            try:
                found = workspace.retriever.retrieve(
                    f"harbour {number % 50} cranes", collection=COLLECTION, scope=workspace.scope(), mode="hybrid"
                )
                asked.dimensions.add(found.head.projection.model.dimensions)
                if not found.passages:
                    asked.problems.append("nothing found")
            except WellreadError as error:
                asked.problems.append(f"query: {error!r}")
            took = time.perf_counter() - started
            asked.latencies.setdefault(asked.phase, []).append(took)
            asked.stop.wait(max(0.0, READERS / QUERIES_PER_SECOND - took))


def _ingest(settings: dict[str, Any], folder: Path, asked: Asked) -> None:
    number = 0
    with Workspace.open(settings) as workspace:
        while not asked.stop.is_set():
            number += 1
            _write(folder, f"edited{number % 20}.txt", 1_000 + number)
            try:
                workspace.runner.run(declaration_for_folder(folder, collection=COLLECTION))
                asked.runs += 1
            except (LeaseHeldError, RevisionClosedError):
                asked.runs_repeated += 1
            except WellreadError as error:
                asked.problems.append(f"run: {error!r}")
            asked.stop.wait(0.5)


def _lost(settings: dict[str, Any]) -> tuple[int, int]:
    """Documents that differ between the copies, and objects that differ between ledger and store."""
    with Workspace.open(settings) as workspace:
        parts = workspace.parts
        with parts.ledger.reading() as reading:
            live = revisions.live_projection(reading, COLLECTION)
            others = projections.mirrors(reading, COLLECTION)
            apart = sum(len(projections.documents_apart(reading, live, other)) for other in others)
        faults = [reconcile(parts, COLLECTION, repair=False, projection=copy).faults for copy in (live, *others)]
    return apart, sum(found.total() for found in faults)


def _quantiles(latencies: dict[str, list[float]]) -> dict[str, object]:
    before = np.quantile(latencies["before"], (0.5, 0.95, 0.99))
    told: dict[str, object] = {}
    for phase, values in latencies.items():
        ratios = np.quantile(values, (0.5, 0.95, 0.99)) / before
        told[phase] = {"queries": len(values), "p50_p95_p99_ratio": [round(float(one), 2) for one in ratios]}
    return told


def _under_load(settings: dict[str, Any], folder: Path) -> tuple[Asked, Migrated, Migrated]:
    """Migrate, switch and roll back while queries and runs go on."""
    asked = Asked()
    pool = ThreadPoolExecutor(READERS + 1)
    busy = [pool.submit(_ask, settings, asked) for _ in range(READERS)]
    busy.append(pool.submit(_ingest, settings, folder, asked))
    started = time.perf_counter()
    try:
        with Workspace.open(settings) as workspace:
            time.sleep(BEFORE_SECONDS)
            asked.phase = "while filling"
            done = migrate(workspace.parts, COLLECTION)
            asked.phase = "after the switch"
            time.sleep(BEFORE_SECONDS)
            back = roll_back(workspace.parts, COLLECTION)
            asked.phase = "after the rollback"
            time.sleep(BEFORE_SECONDS)
    finally:
        asked.stop.set()
        pool.shutdown(wait=True)
        asked.seconds = time.perf_counter() - started
    for one in busy:
        one.result()
    return asked, done, back


def _measured(documents: int, home: Path) -> dict[str, object]:
    folder = home / "papers"
    folder.mkdir()
    for number in range(documents):
        _write(folder, f"{number}.txt", number)
    with local_weaviate(home / "server") as address, embedding_server(dimensions=256) as server:
        old = _settings(home / "home", address, server.openai_url, 256, None)
        with Workspace.open(old) as workspace:
            workspace.runner.run(declaration_for_folder(folder, collection=COLLECTION))
        both = _settings(home / "home", address, server.openai_url, 128, 256)
        asked, done, back = _under_load(both, folder)
        with Workspace.open(both) as workspace:
            workspace.runner.run(declaration_for_folder(folder, collection=COLLECTION))
        apart, faults = _lost(both)
    return {
        "documents": documents,
        "queries_failed": sum(problem.startswith(("query", "nothing")) for problem in asked.problems),
        "runs_failed": sum(problem.startswith("run") for problem in asked.problems),
        "problems": asked.problems[:20],
        "queries_per_second": round(sum(map(len, asked.latencies.values())) / asked.seconds, 1),
        "models_asked_dimensions": sorted(asked.dimensions),
        "documents_that_differ_between_copies": apart,
        "objects_that_differ_from_the_ledger": faults,
        "rollback_seconds": round(back.seconds, 3),
        "migration": done.as_dict(),
        "runs_published": asked.runs,
        "runs_to_repeat": asked.runs_repeated,
        "latencies_as_ratio_of_before": _quantiles(asked.latencies),
        "load_average": load_average(),
    }


def main() -> int:
    """Measure and write the results."""
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as name:
        results = _measured(documents, Path(name))
    path = write_results("migrating", results, packages=("weaviate-client",))
    sys.stdout.write(f"{path}\n{path.read_text(encoding='utf-8')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

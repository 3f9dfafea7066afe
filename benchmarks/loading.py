"""Loading with vectors at hand beside bare inserts: ``python -m benchmarks.loading``.

Some 10,000 chunks of made text files go through plan and extraction; their vectors (made, 384 dimensions) are put
into the embedding cache. Then the library loads batch after batch, in turns with a bare ``insert_many`` of the very
same objects into a second collection of the same schema on the same server: two threads, 200 objects a request. The
library's time holds reading and comparing, inserts, the audit of the vector index, and the ledger.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.reporting import load_average, write_results
from benchmarks.serving import forget_settings, home_folder
from benchmarks.synthetic import DIMENSIONS, Directions, Words

from wellread.documents import ChunkObject, VersionObject
from wellread.indexing.content import ChunkSet, desired_chunks
from wellread.indexing.load_groups import document_facts
from wellread.indexing.parts import Parts
from wellread.indexing.plans import RunHandle
from wellread.indexing.restoring import restore_objects
from wellread.ledger import objects as ledger_objects
from wellread.ledger import revisions, run_records
from wellread.ledger import vectors as ledger_vectors
from wellread.runs import SourceDeclaration
from wellread.server.control import stop_server
from wellread.snapshots import Projection
from wellread.sources.declarations import declaration_for_folder
from wellread.stores.weaviate_objects import chunk_properties, version_properties
from wellread.workspace import Workspace

TARGET_RATIO = 0.6
PARAGRAPHS, PARAGRAPH_WORDS = 24, 105
BATCH_OBJECTS, THREADS = 200, 2
BATCHES_PER_TURN = 2


def write_files(folder: Path, count: int) -> None:
    """Text files of about two dozen paragraphs; each becomes a chunk."""
    words = Words(3)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        text = "\n\n".join(words.text(PARAGRAPH_WORDS) for _ in range(PARAGRAPHS))
        (folder / f"report-{number:05}.txt").write_text(text, encoding="utf-8")


def open_workspace(home: Path, documents_count: int) -> Workspace:
    """All documents in one wave; an embedder that is never asked."""
    return Workspace.open(
        {
            "home": home,
            "indexing": {"first_wave_documents": documents_count, "wave_documents": documents_count},
            "embedder": {
                "provider": "openai",
                "openai": {"base_url": "http://127.0.0.1:9/v1", "api_key": "none", "dimensions": DIMENSIONS},
            },
        }
    )


def cache_vectors(parts: Parts, declaration: SourceDeclaration, run: RunHandle) -> int:
    """Give every chunk of the run a vector; returns how many chunks there are."""
    from wellread.artifacts.codec import get_json

    assert run.revision is not None
    directions, chunks_count = Directions(5), 0
    with parts.ledger.reading() as reading:
        rows = run_records.staged_documents(reading, run.collection, run.revision)
    for number, row in enumerate(rows):
        content = get_json(parts.artifacts, ChunkSet, row.facts["chunks_ref"])
        desired = desired_chunks(content, document_facts(declaration, row), parts.model_hash)
        chunks_count += len(desired)
        found = {item.embedding_key: np.asarray(directions.vector(number), dtype=np.float32) for item in desired}
        with parts.ledger.transaction() as tx:
            ledger_vectors.store_vectors(tx, parts.model_hash, found)
    return chunks_count


def bare_insert(client: Any, projection: Projection, objects: Sequence[ChunkObject | VersionObject]) -> float:
    """Seconds that Weaviate's own client needs for the same objects; preparing them is not counted."""
    from weaviate.classes.data import DataObject

    chunks = [
        DataObject(uuid=item.object_id, properties=chunk_properties(item), vector=list(item.vector or ()))
        for item in objects
        if isinstance(item, ChunkObject)
    ]
    versions = [
        DataObject(uuid=item.object_id, properties=version_properties(item))
        for item in objects
        if isinstance(item, VersionObject)
    ]

    def insert(named: tuple[str, list[Any]]) -> None:
        reply = client.collections.get(named[0]).data.insert_many(named[1])
        assert not reply.has_errors, reply.errors

    requests = [
        (name, rows[start : start + BATCH_OBJECTS])
        for name, rows in ((projection.chunks, chunks), (projection.versions, versions))
        for start in range(0, len(rows), BATCH_OBJECTS)
    ]
    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(insert, requests))
    return time.perf_counter() - started


class Measurement:
    """Both ways over the same run, turn by turn."""

    def __init__(self, workspace: Workspace, run: RunHandle) -> None:
        self._workspace, self._run = workspace, run
        with workspace.ledger.reading() as reading:
            self._projection = revisions.live_projection(reading, run.collection)
        self._beside = Projection("Bare", 1, self._projection.model, "bare")
        workspace.store.create_projection(self._beside)
        self._known: set[object] = set()

    def turn(self, batches: Sequence[int]) -> tuple[int, float, float]:
        """Objects, seconds of the library, seconds of the bare inserts."""
        started = time.perf_counter()
        for batch in batches:
            self._workspace.runner.load(self._run, batch)
        library_seconds = time.perf_counter() - started
        objects = self._new_objects()
        client = self._workspace.store._client  # noqa: SLF001  one connection for both
        return len(objects), library_seconds, bare_insert(client, self._beside, objects)

    def _new_objects(self) -> list[ChunkObject | VersionObject]:
        assert self._run.revision is not None
        parts = self._workspace.parts
        with parts.ledger.reading() as reading:
            rows = ledger_objects.opened_by(reading, self._projection, self._run.revision)
        fresh = [row for row in rows if row.object_id not in self._known]
        self._known.update(row.object_id for row in fresh)
        return restore_objects(parts, self._projection, fresh)


def measured_in(home: Path, documents_count: int) -> dict[str, object]:
    """Prepare a run whose vectors are all known, and load it in turns with bare inserts."""
    folder = home / "documents"
    write_files(folder, documents_count)
    with open_workspace(home / "wellread", documents_count) as workspace:
        declaration = declaration_for_folder(folder)
        run = workspace.runner.plan(declaration, run_id="loading", one_process=True)
        for batch in range(run.batch_count):
            workspace.runner.extract(run, batch)
        chunks_count = cache_vectors(workspace.parts, declaration, run)
        print(f"{chunks_count} chunks are ready", file=sys.stderr, flush=True)
        measurement = Measurement(workspace, run)
        load_before = load_average()
        turns = []
        for start in range(0, run.batch_count, BATCHES_PER_TURN):
            turns.append(measurement.turn(range(start, min(start + BATCHES_PER_TURN, run.batch_count))))
            print("objects {} library {:.2f} s bare {:.2f} s".format(*turns[-1]), file=sys.stderr, flush=True)
        started = time.perf_counter()
        sheet = workspace.runner.publish(run).sheet
        publish_seconds = time.perf_counter() - started
        assert sheet.embeddings_computed == 0, sheet
        assert sheet.chunks_inserted == chunks_count, sheet
        stop_server(workspace.home, settings=workspace.settings.server)
    return _report(turns, chunks_count, documents_count, publish_seconds, load_before)


def _report(
    turns: Sequence[tuple[int, float, float]],
    chunks_count: int,
    documents_count: int,
    publish_seconds: float,
    load_before: float,
) -> dict[str, object]:
    objects = sum(turn[0] for turn in turns)
    library, bare = sum(turn[1] for turn in turns), sum(turn[2] for turn in turns)
    ratios = [turn[2] / turn[1] for turn in turns]
    return {
        "load_average": [load_before, load_average()],
        "documents_count": documents_count,
        "chunks_count": chunks_count,
        "objects_count": objects,
        "dimensions": DIMENSIONS,
        "turns_count": len(turns),
        "library_objects_per_second": round(objects / library, 1),
        "bare_objects_per_second": round(objects / bare, 1),
        "ratio_of_sums": round(bare / library, 3),
        "ratio_median_of_turns": round(float(np.median(ratios)), 3),
        "ratio_quarters_of_turns": [round(float(value), 3) for value in np.percentile(ratios, [25, 75])],
        "target_ratio": TARGET_RATIO,
        "publish_seconds": round(publish_seconds, 2),
    }


def main() -> int:
    """Measure and write ``results/loading.json``; 1 where the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=450, help="of about 24 chunks each")
    options = parser.parse_args()
    forget_settings()
    with home_folder(None) as home:
        results = measured_in(home, options.documents)
    path = write_results("loading", results, packages=["weaviate-client", "sqlalchemy", "numpy"])
    print(path.read_text(encoding="utf-8"))
    return 0 if float(str(results["ratio_median_of_turns"])) >= TARGET_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())

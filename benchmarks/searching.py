"""Search under a snapshot beside the bare Weaviate query: ``python -m benchmarks.searching``.

100,000 made chunks of 100 words in 2,000 documents and some forty revisions, one of them unpublished. The ways take
turns on the same questions, so that a busy machine slows all alike; medians are compared. Query vectors are given
by an embedder that looks them up, so no embedding time is in any figure; the head is cached and everything is warm.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from benchmarks.reporting import load_average, write_results
from benchmarks.serving import forget_settings, home_folder, served_store
from benchmarks.synthetic import DIMENSIONS, MODEL, TENANT, Directions, Words, made_documents

from wellread.ledger import revisions, term_counts
from wellread.ledger.database import Ledger
from wellread.models.protocol import EmbedderLimits, EmbeddingKind, EmbeddingResult
from wellread.retrieval.retriever import Retriever
from wellread.retrieval.settings import RetrievalSettings
from wellread.retrieval.term_statistics import count_terms
from wellread.server.control import server_status
from wellread.snapshots import Head, ModelIdentity, Snapshot
from wellread.stores.protocol import Scope
from wellread.stores.weaviate_objects import HIT_PROPERTIES
from wellread.stores.weaviate_store import WeaviateStore
from wellread.workspace.ledger_terms import LedgerTerms

COLLECTION = "Benchmark"
CHUNKS_PER_DOCUMENT = 50
DOCUMENTS_PER_REVISION = 50
BATCH_OBJECTS = 200
SEARCH_TARGET_RATIO, PIPELINE_TARGET_RATIO = 1.3, 3.0


class GivenVectors:
    """Implements ``Embedder``: every text has a vector already, as a cache would give it."""

    def __init__(self) -> None:
        self._known: dict[str, Sequence[float]] = {}
        self._directions = Directions(7)

    @property
    def identity(self) -> ModelIdentity:
        """That of the made vectors."""
        return MODEL

    @property
    def limits(self) -> EmbedderLimits:
        """None that matter."""
        return EmbedderLimits(1000, 1_000_000, 10_000)

    def count_tokens(self, text: str) -> int:
        """Words."""
        return len(text.split())

    def give(self, text: str, vector: Sequence[float]) -> None:
        """From now on the text has this vector."""
        self._known[text] = vector

    def embed(self, texts: Sequence[str], *, kind: EmbeddingKind) -> EmbeddingResult:
        """A look-up; a text that is new (a question without the name of its document) gets any direction."""
        del kind
        for text in texts:
            if text not in self._known:
                self._known[text] = self._directions.vector(len(text))
        return EmbeddingResult(np.asarray([self._known[text] for text in texts], dtype=np.float32), 0, 0)

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True)
class Question:
    """A question and its vector."""

    text: str
    vector: Sequence[float]


def fill(store: WeaviateStore, ledger: Ledger, documents_count: int) -> Head:
    """Load the documents straight into the store, count their words into the ledger, publish. Once."""
    with ledger.transaction() as tx:
        if revisions.find_collection(tx, COLLECTION) is None:
            revisions.create_collection(tx, COLLECTION, MODEL, next_revision=1)
        projection = revisions.live_projection(tx, COLLECTION)
    known = store.read_head(COLLECTION)
    if known is not None:
        return known
    store.create_projection(projection)
    documents = iter(
        made_documents(
            documents_count, chunks_per_document=CHUNKS_PER_DOCUMENT, documents_per_revision=DOCUMENTS_PER_REVISION
        )
    )
    texts: list[tuple[str, str]] = []
    newest = 0
    with ThreadPoolExecutor(2) as pool:
        while part := list(islice(documents, 80)):
            chunks = [chunk for document in part for chunk in document.chunks]
            batches = [chunks[start : start + BATCH_OBJECTS] for start in range(0, len(chunks), BATCH_OBJECTS)]
            for written in pool.map(lambda batch: store.insert_chunks(projection, batch), batches):
                assert not written.refused, written
                assert not written.unknown, written
            store.insert_versions(projection, [document.version for document in part])
            texts += [(f"{chunk.title} {chunk.text}", "en") for chunk in chunks if chunk.rev_to == 0]
            newest = max(newest, *(document.version.rev_from for document in part))
            print(f"loaded {len(texts)} chunks", file=sys.stderr, flush=True)
    counted = count_terms(texts)
    with ledger.transaction() as tx:
        term_counts.add_terms(tx, COLLECTION, chunks=counted.chunk_count, differences=counted.frequencies)
    # The newest but one revision is not published, so both parts of the visibility rule have work to do.
    head = Head(
        seq=1, projection=projection, snapshot=Snapshot(newest + 1, frozenset({newest - 1})), oldest_readable=1
    )
    store.write_head(head)
    return head


def bare_query(
    store: WeaviateStore, head: Head, depth: int, *, with_vectors: bool
) -> Callable[[Question], Sequence[object]]:
    """The same hybrid query, depth and properties through Weaviate's own client, without any filter."""
    from weaviate.classes.query import HybridFusion, MetadataQuery

    collection = store._client.collections.get(head.projection.chunks)  # noqa: SLF001  one connection for both

    def ask(question: Question) -> Sequence[object]:
        reply: Any = collection.query.hybrid(
            question.text,
            vector=list(question.vector),
            alpha=0.5,
            limit=depth,
            query_properties=["title", "text"],
            fusion_type=HybridFusion.RELATIVE_SCORE,
            return_properties=list(HIT_PROPERTIES),
            return_metadata=MetadataQuery(score=True),
            include_vector=with_vectors,
        )
        found: Sequence[object] = reply.objects
        return found

    return ask


def ways_of(
    store: WeaviateStore, head: Head, retriever: Retriever, depth: int
) -> dict[str, Callable[[Question], Sequence[object]]]:
    """Everything that is compared, by name."""
    scope = Scope(tenant=TENANT)

    def searched(*, with_vectors: bool) -> Callable[[Question], Sequence[object]]:
        return lambda question: store.search(
            head,
            head.snapshot,
            scope,
            mode="hybrid",
            query=question.text,
            vector=question.vector,
            alpha=0.5,
            limit=depth,
            with_vectors=with_vectors,
        )

    def retrieved(question: Question) -> Sequence[object]:
        return retriever.retrieve(question.text, collection=COLLECTION, scope=scope).passages

    return {
        "bare": bare_query(store, head, depth, with_vectors=False),
        "search": searched(with_vectors=False),
        "bare_with_vectors": bare_query(store, head, depth, with_vectors=True),
        "search_with_vectors": searched(with_vectors=True),
        "pipeline": retrieved,
    }


def made_questions(documents_count: int, embedder: GivenVectors, count: int) -> list[Question]:
    """Questions about some documents, with vectors near theirs."""
    words, directions = Words(11), Directions(13)
    documents = made_documents(
        min(documents_count, 2 * count),
        chunks_per_document=CHUNKS_PER_DOCUMENT,
        documents_per_revision=DOCUMENTS_PER_REVISION,
    )
    questions = []
    for number, document in enumerate(islice(documents, count)):
        text = words.question(document.chunks[number % CHUNKS_PER_DOCUMENT].text)
        questions.append(Question(text, directions.vector(number)))
        embedder.give(text, questions[-1].vector)
    return questions


def measure(
    ways: dict[str, Callable[[Question], Sequence[object]]], questions: Sequence[Question], rounds: int
) -> dict[str, list[float]]:
    """Milliseconds of each way for each question and round, the ways in turns; the first round only warms."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for index, question in enumerate(questions):
            names = list(ways)
            shift = (index + number) % len(names)
            for name in names[shift:] + names[:shift]:
                started = time.perf_counter()
                found = ways[name](question)
                elapsed = 1000 * (time.perf_counter() - started)
                assert found, question
                if number:
                    taken[name].append(elapsed)
    return taken


def processor_milliseconds(
    ways: dict[str, Callable[[Question], Sequence[object]]], questions: Sequence[Question], server_pid: int
) -> dict[str, float]:
    """Processor time of this process and the server for one question: what a busy machine hardly moves."""
    import psutil

    server = psutil.Process(server_pid)

    def used_seconds() -> float:
        times = server.cpu_times()
        return time.process_time() + float(times.user) + float(times.system)

    used = dict.fromkeys(ways, 0.0)
    for _ in range(2):
        for name, way in ways.items():
            before = used_seconds()
            for question in questions:
                way(question)
            used[name] += used_seconds() - before
    return {name: round(1000 * seconds / (2 * len(questions)), 2) for name, seconds in used.items()}


def report(taken: dict[str, list[float]], documents_count: int, load_before: float) -> dict[str, object]:
    """Medians, and the two ratios that are promised."""
    medians = {name: round(median(values), 2) for name, values in taken.items()}
    ninetieth = {name: round(float(np.percentile(values, 90)), 2) for name, values in taken.items()}
    return {
        "load_average": [load_before, load_average()],
        "chunks_count": documents_count * CHUNKS_PER_DOCUMENT,
        "dimensions": DIMENSIONS,
        "samples_count": len(taken["bare"]),
        "milliseconds_median": medians,
        "milliseconds_90_percent": ninetieth,
        "search_ratio": round(medians["search"] / medians["bare"], 2),
        "search_with_vectors_ratio": round(medians["search_with_vectors"] / medians["bare_with_vectors"], 2),
        "search_target_ratio": SEARCH_TARGET_RATIO,
        "pipeline_ratio": round(medians["pipeline"] / medians["bare"], 2),
        "pipeline_to_bare_with_vectors_ratio": round(medians["pipeline"] / medians["bare_with_vectors"], 2),
        "pipeline_target_ratio": PIPELINE_TARGET_RATIO,
        "query_vectors": "looked up by a given embedder: no embedding time is measured",
    }


def measured_in(home: Path, documents_count: int, questions_count: int, rounds: int) -> dict[str, object]:
    """Fill the home's server if it is empty, and measure."""
    settings = RetrievalSettings()
    ledger = Ledger.open(f"sqlite:///{home / 'ledger.db'}")
    embedder = GivenVectors()
    with served_store(home) as store:
        head = fill(store, ledger, documents_count)
        questions = made_questions(documents_count, embedder, questions_count)
        statistics = LedgerTerms(ledger).statistics
        retriever = Retriever(store, embedder, settings, term_statistics=statistics)
        ways = ways_of(store, head, retriever, settings.depth_count)
        load_before = load_average()
        results = report(measure(ways, questions, rounds), documents_count, load_before)
        pid = server_status(home).pid
        if pid is not None:
            results["processor_milliseconds"] = processor_milliseconds(ways, questions, pid)
    ledger.close()
    return results


def main() -> int:
    """Measure and write ``results/searching.json``; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", help="keeps the 100,000 chunks for the next time")
    parser.add_argument("--documents", type=int, default=2_000, help="of 50 chunks each")
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    forget_settings()
    with home_folder(options.home) as home:
        results = measured_in(home, options.documents, options.questions, options.rounds)
    path = write_results("searching", results, packages=["weaviate-client", "numpy"])
    print(path.read_text(encoding="utf-8"))
    missed = (
        float(str(results["search_ratio"])) > SEARCH_TARGET_RATIO
        or float(str(results["pipeline_ratio"])) > PIPELINE_TARGET_RATIO
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

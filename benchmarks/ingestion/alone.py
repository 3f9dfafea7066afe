"""W7, W12 and W13, by Wellread alone: the peers have no second source, no migration and no kept version."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from benchmarks.ingestion.arena import Arena
from benchmarks.ingestion.competing import DIMENSIONS, Sizes
from benchmarks.ingestion.corpus import documents, edit, sentence_in_the_middle, spread
from benchmarks.ingestion.oracle import Chunks, new_texts
from benchmarks.ingestion.own import Own
from benchmarks.ingestion.processes import Ended
from benchmarks.ingestion.watching import Watch
from benchmarks.ingestion.workloads import Result, Workload, base_of, judged, measured, spent

from wellread.errors import WellreadError
from wellread.testing.provider_server import provider_process
from wellread.workspace import Workspace
from wellread.workspace.settings import Settings

_OTHER_DIMENSIONS = 256
_QUERIES_PER_SECOND = 20
_READERS = 4
_TRIES = 5


def copies_in_two_sources(arena: Arena, sizes: Sizes) -> Result:
    """W7: a twentieth of the documents stands in a second source too; then the first loses its copies."""
    own = _own(arena)
    base = base_of(arena, sizes.documents)
    arena.return_to(base)
    stamps, before = arena.stamps_of(base), arena.expected(None)
    source, mirror = arena.places.source, arena.places.work / "mirror"
    mirror.mkdir()
    names = documents(source)
    copies = {name: f"copy-{PurePosixPath(name).name}" for name in spread(names, len(names) // 20)}
    for name, copy in copies.items():
        (mirror / copy).write_bytes((source / name).read_bytes())
    own.declare(arena.places, "mirror", mirror)
    first = arena.start(own.tool("ingest", "mirror")).wait()
    for name in copies:
        (source / name).unlink()
    second = arena.run()
    expected = {**arena.expected(before), **{copy: before[name] for name, copy in copies.items()}}
    errors, reading = arena.judge(expected)
    return {
        "documents": len(expected),
        "copies": len(copies),
        "exit_codes": [first.exit_code, second.exit_code],
        "embeddings_ideal": 0,
        **spent(arena, stamps, reading),
        "survivors_lost": len(set(errors.lost_documents) & set(copies.values())),
        **judged(errors, reading),
    }


def other_model(arena: Arena, sizes: Sizes) -> Result:
    """W12: ``wellread migrate`` under twenty queries a second, ten documents edited meanwhile; then a rollback."""
    own = _own(arena)
    base = base_of(arena, sizes.documents)
    arena.return_to(base)
    stamps, before = arena.stamps_of(base), arena.expected(None)
    with ExitStack() as stack:
        stack.enter_context(own.given(**_two_models(arena)))
        # Readers pay another server, so that the first counts what the migration embeds.
        questions = stack.enter_context(provider_process(dimensions=DIMENSIONS, kept_requests=0))
        settings = _paying(own, arena, questions.openai_url)
        names = spread(documents(arena.places.source), 10)
        client = stack.enter_context(arena.client())
        with _readers(settings, own.collection) as asked:
            migrating = arena.start(own.tool("migrate", own.collection))
            arena.when(migrating, lambda: arena.embedded() >= 0.3 * new_texts({}, before))
            edit(arena.places.source, names, sentence_in_the_middle)
            expected = arena.expected(before)
            watch = _watch(own, arena, client, names[5], before, expected)
            watch.start()
            ingested = _patiently(arena)
            migrated = migrating.wait()
            asked.phase = "after the switch"
            time.sleep(3.0)
            back = arena.start(own.tool("migrate", own.collection, "--rollback")).wait()
            asked.phase = "after the rollback"
            time.sleep(3.0)
            seen = watch.stop()
        errors, reading = arena.judge(expected)
    return {
        "documents": sizes.documents,
        "exit_codes": [migrated.exit_code, ingested.exit_code, back.exit_code],
        "seconds": round(migrated.seconds, 1),
        "rollback_seconds": round(_said(back).get("seconds", 0.0), 3),
        **asked.as_dict(),
        **seen,
        "embeddings_ideal": new_texts({}, before) + 2 * new_texts(before, expected),
        **spent(arena, stamps, reading),
        **judged(errors, reading),
    }


def _paying(own: Own, arena: Arena, url: str) -> Settings:
    """Settings of readers whose questions another server embeds."""
    with own.given(EMBEDDER__OPENAI__BASE_URL=url, PREVIOUS_EMBEDDER__OPENAI__BASE_URL=url):
        return own.settings(arena.places)


def _watch(own: Own, arena: Arena, client: Any, name: str, before: Chunks, expected: Chunks) -> Watch:
    return Watch(lambda: own.texts_of(client, arena.places, name), old=set(before[name]), new=set(expected[name]))


def other_chunk_size(arena: Arena, sizes: Sizes) -> Result:
    """W13: chunks of 80 words instead of 120; a reader looks at one document meanwhile."""
    own = _own(arena)
    base = base_of(arena, sizes.documents)
    arena.return_to(base)
    stamps, before = arena.stamps_of(base), arena.expected(None)
    watched = spread(documents(arena.places.source), 11)[5]
    with own.given(CHUNKING__MAX_WORDS="80"), arena.client() as client:
        expected = arena.expected(None)  # cuts of other settings are not kept
        watch = _watch(own, arena, client, watched, before, expected)

        def run() -> Ended:
            watch.start()
            return arena.run()

        result = measured(arena, run, before, expected, stamps=stamps)
        return {**watch.stop(), **result}


@dataclass
class _Asked:
    """What readers met while a collection moved."""

    phase: str = "before the switch"
    counts: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def as_dict(self) -> dict[str, Any]:
        """A vector of one model that meets the other's copy is refused by the store: it would be a failed query."""
        return {
            "queries": dict(self.counts),
            "queries_failed": len(self.problems),
            "problems": self.problems[:5],
        }


@contextmanager
def _readers(settings: Settings, collection: str) -> Iterator[_Asked]:
    asked = _Asked()
    with ThreadPoolExecutor(_READERS) as pool:
        busy = [pool.submit(_ask, settings, collection, asked) for _ in range(_READERS)]
        try:
            yield asked
        finally:
            asked.stop.set()
    for one in busy:
        one.result()


def _ask(settings: Settings, collection: str, asked: _Asked) -> None:
    number = 0
    with Workspace(settings) as workspace:
        while not asked.stop.is_set():
            started, phase = time.perf_counter(), asked.phase
            number += 1
            try:
                found = workspace.retriever.retrieve(
                    f"report {number} of the council", collection=collection, scope=workspace.scope(), mode="vector"
                )
                if not found.passages:
                    asked.problems.append(f"{phase}: nothing found")
            except WellreadError as error:
                asked.problems.append(f"{phase}: {error!r}")
            asked.counts[phase] = asked.counts.get(phase, 0) + 1
            asked.stop.wait(max(0.0, _READERS / _QUERIES_PER_SECOND - (time.perf_counter() - started)))


def _two_models(arena: Arena) -> dict[str, str]:
    """The base's model becomes the previous one."""
    return {
        "EMBEDDER__OPENAI__MODEL": "text-embedding-3-large",
        "EMBEDDER__OPENAI__DIMENSIONS": str(_OTHER_DIMENSIONS),
        "EMBEDDER__OPENAI__REQUEST_DIMENSIONS": "ask",
        "PREVIOUS_EMBEDDER__PROVIDER": "openai",
        "PREVIOUS_EMBEDDER__OPENAI__BASE_URL": arena.places.embedder_url,
        "PREVIOUS_EMBEDDER__OPENAI__API_KEY": "testing",
        "PREVIOUS_EMBEDDER__OPENAI__DIMENSIONS": str(DIMENSIONS),
    }


def _patiently(arena: Arena) -> Ended:
    """Exit code 75 says: later."""
    for _ in range(_TRIES):
        ended = arena.run()
        if ended.exit_code != 75:
            break
        time.sleep(1.0)
    return ended


def _said(ended: Ended) -> dict[str, Any]:
    try:
        return dict(json.loads(ended.output))
    except ValueError:
        return {}


def _own(arena: Arena) -> Own:
    assert isinstance(arena.contestant, Own)
    return arena.contestant


ALONE: dict[str, Workload] = {
    "W7": copies_in_two_sources,
    "W12": other_model,
    "W13": other_chunk_size,
}

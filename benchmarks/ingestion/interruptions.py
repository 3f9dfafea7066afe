"""W8, W8u, W9, W10, W10b and W14: kills, a provider that fails, a store that dies, readers, two runs at once."""

from __future__ import annotations

import time

from benchmarks.ingestion.arena import Arena
from benchmarks.ingestion.competing import Sizes
from benchmarks.ingestion.corpus import POISON, documents, edit, poisoned, rewritten, sentence_in_the_middle, spread
from benchmarks.ingestion.oracle import new_texts
from benchmarks.ingestion.watching import Watch
from benchmarks.ingestion.workloads import Result, Workload, base_of, judged, spent

from wellread.testing.provider_server import FaultRate

_LATENCY_SECONDS = 0.05
_READER_LATENCY_SECONDS = 0.08
_OUTAGE_SECONDS = 3.0
_KILL_POINTS = (("embedded", 0.3), ("embedded", 0.8), ("stored", 0.3), ("stored", 0.8))
_POISON_COUNT = 5


def killed_in_first_load(arena: Arena, sizes: Sizes) -> Result:
    """W8: SIGKILL to the whole process tree at four points, each from nothing; then the same command again."""
    points = [_kill_in_first_load(arena, sizes, what, ratio) for what, ratio in _KILL_POINTS]
    hit = [point for point in points if point["was_hit"]]
    totals = {name: sum(point["errors"][name] for point in points) for name in points[0]["errors"]}
    return {
        "documents": sizes.faults,
        "points": points,
        "points_hit": len(hit),
        "errors": totals,
        "embeddings_extra_max": max((point["embeddings_extra"] for point in hit), default=0),
    }


def _kill_in_first_load(arena: Arena, sizes: Sizes, what: str, ratio: float) -> Result:
    arena.prepare(sizes.faults)
    expected = arena.expected(None)
    total = new_texts({}, expected)
    arena.embedder.behave(latency_seconds=_LATENCY_SECONDS)
    running = arena.start()
    with arena.counting(what) as count:
        was_hit = arena.when(running, lambda: count() >= ratio * total)
    if was_hit:
        running.kill()
    at_kill = arena.embedder.meter()
    killed = running.wait()
    again = arena.run()
    errors, reading = arena.judge(expected)
    return {
        "killed_at": f"{ratio:.0%} {what}",
        "was_hit": was_hit,
        "exit_codes": [killed.exit_code, again.exit_code],
        "embeddings_extra": arena.embedded() - total,
        "texts_per_request_max": at_kill.texts_per_request_max,
        "requests_at_once_max": at_kill.concurrency_max,
        "again": arena.contestant.sheet_of(again.output),
        **spent(arena, {}, reading),
        **judged(errors, reading),
    }


def killed_in_update(arena: Arena, sizes: Sizes) -> Result:
    """W8u: three tenths of the documents are edited; SIGKILL when half of it is embedded; then the same again."""
    base = base_of(arena, sizes.faults)
    arena.return_to(base)
    stamps = arena.stamps_of(base)
    before = arena.expected(None)
    names = documents(arena.places.source)
    edit(arena.places.source, spread(names, len(names) * 3 // 10), sentence_in_the_middle)
    expected = arena.expected(before)
    ideal = new_texts(before, expected)
    arena.embedder.behave(latency_seconds=_LATENCY_SECONDS)
    running = arena.start()
    was_hit = arena.when(running, lambda: arena.embedded() >= 0.5 * ideal)
    if was_hit:
        running.kill()
    killed = running.wait()
    absent = set(expected) - {row.document for row in arena.read().rows}
    again = arena.run()
    errors, reading = arena.judge(expected)
    return {
        "documents": sizes.faults,
        "was_hit": was_hit,
        "exit_codes": [killed.exit_code, again.exit_code],
        "documents_absent_between": len(absent),
        "embeddings_ideal": ideal,
        "embeddings_extra": arena.embedded() - ideal,
        **spent(arena, stamps, reading),
        **judged(errors, reading),
    }


def provider_fails(arena: Arena, sizes: Sizes) -> Result:
    """W9: a tenth of the requests 429, two of a hundred 500, five documents hold a refused text. Two runs."""
    arena.prepare(sizes.faults)
    names = documents(arena.places.source)
    poison = spread(names, 2 * _POISON_COUNT)[_POISON_COUNT:]  # whoever stops at the first has stored half
    edit(arena.places.source, poison, poisoned)
    expected = arena.expected(None)
    rates = (
        FaultRate(kind="rate_limited", ratio=0.10, retry_after_seconds=0.2),
        FaultRate(kind="server_error", ratio=0.02),
    )
    arena.embedder.behave(rates=rates, poison=(POISON,), seed=5)
    first = arena.run()
    second = arena.run()
    healthy = {name: texts for name, texts in expected.items() if name not in poison}
    reading = arena.read()
    stored: dict[str, list[str]] = {}
    for row in reading.rows:
        stored.setdefault(row.document, []).append(row.text)
    whole = [name for name, texts in healthy.items() if sorted(stored.get(name, [])) == sorted(texts)]
    return {
        "documents": sizes.faults,
        "exit_codes": [first.exit_code, second.exit_code],
        "healthy_stored": len(whole),
        "healthy": len(healthy),
        "poisoned_in_part": sum(name in stored for name in poison),
        "embeddings_ideal": new_texts({}, healthy),
        **spent(arena, {}, reading),
        "said": arena.contestant.sheet_of(second.output),
    }


def store_dies(arena: Arena, sizes: Sizes) -> Result:
    """W10: SIGKILL to Weaviate at two fifths of the first load, back three seconds later; then the same again."""
    arena.prepare(sizes.faults)
    expected = arena.expected(None)
    total = new_texts({}, expected)
    arena.embedder.behave(latency_seconds=_LATENCY_SECONDS)
    running = arena.start()
    with arena.counting("stored") as count:
        was_hit = arena.when(running, lambda: count() >= 0.4 * total)
    if was_hit:
        arena.kill_store()
        time.sleep(_OUTAGE_SECONDS)
        arena.start_store()
    first = running.wait()
    after_first, _ = arena.judge(expected, sample=None)
    second = arena.run()
    errors, reading = arena.judge(expected, sample=None)
    return {
        "documents": sizes.faults,
        "was_hit": was_hit,
        "exit_codes": [first.exit_code, second.exit_code],
        "after_the_first_run": after_first.as_dict(),
        "embeddings_extra": arena.embedded() - total,
        **spent(arena, {}, reading),
        **judged(errors, reading),
    }


def read_while_written(arena: Arena, sizes: Sizes) -> Result:
    """W10b: one document rewritten and ten edited, an embedder of 80 ms; a reader looks twenty times a second."""
    base = base_of(arena, sizes.faults)
    arena.return_to(base)
    stamps = arena.stamps_of(base)
    before = arena.expected(None)
    names = spread(documents(arena.places.source), 11)
    edit(arena.places.source, names[5:6], rewritten)
    edit(arena.places.source, names[:5] + names[6:], sentence_in_the_middle)
    expected = arena.expected(before)
    arena.embedder.behave(latency_seconds=_READER_LATENCY_SECONDS)
    watched = names[5]
    with arena.client() as client:
        watch = Watch(
            lambda: arena.contestant.texts_of(client, arena.places, watched),
            old=set(before[watched]),
            new=set(expected[watched]),
        )
        watch.start()
        ended = arena.run()
        time.sleep(1.0)  # and looks at what came of it
        seen = watch.stop()
    errors, reading = arena.judge(expected)
    return {
        "documents": sizes.faults,
        "exit_code": ended.exit_code,
        **seen,
        "embeddings_ideal": new_texts(before, expected),
        **spent(arena, stamps, reading),
        **judged(errors, reading),
    }


def two_at_once(arena: Arena, sizes: Sizes) -> Result:
    """W14: the first load, started twice at the same moment."""
    arena.prepare(sizes.faults)
    expected = arena.expected(None)
    arena.embedder.behave(latency_seconds=_LATENCY_SECONDS)
    both = [arena.start(), arena.start()]
    ended = [one.wait() for one in both]
    errors, reading = arena.judge(expected)
    return {
        "documents": sizes.faults,
        "exit_codes": [one.exit_code for one in ended],
        "embeddings_ideal": new_texts({}, expected),
        **spent(arena, {}, reading),
        "texts_embedded_twice": len(arena.embedder.meter().repeated_texts),
        **judged(errors, reading),
    }


INTERRUPTED: dict[str, Workload] = {
    "W8": killed_in_first_load,
    "W8u": killed_in_update,
    "W9": provider_fails,
    "W10": store_dies,
    "W10b": read_while_written,
    "W14": two_at_once,
}

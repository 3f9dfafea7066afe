"""W0 to W6, W11, W15 and W16: what is done to folder or store, one run, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.ingestion.arena import Arena
from benchmarks.ingestion.competing import Sizes
from benchmarks.ingestion.corpus import (
    PAIRS_COUNT,
    documents,
    edit,
    sentence_at_the_head,
    sentence_in_the_middle,
    set_owner,
    spread,
)
from benchmarks.ingestion.oracle import Chunks, Errors, Reading, new_texts, writes_between
from benchmarks.ingestion.processes import Ended

Result = dict[str, Any]


Workload = Callable[[Arena, Sizes], Result]


def first_load(arena: Arena, sizes: Sizes) -> Result:
    """W0, which becomes the base of the others."""
    arena.prepare(sizes.documents)
    expected = arena.expected(None)
    result = measured(arena, arena.run, {}, expected, stamps={})
    arena.keep(_base(sizes.documents))
    return result


def nothing_changed(arena: Arena, sizes: Sizes) -> Result:
    """W1."""
    return _updated(arena, sizes, lambda _: None)


def edited_in_the_middle(arena: Arena, sizes: Sizes) -> Result:
    """W2: a sentence in the middle of ten documents."""
    return _updated(
        arena, sizes, lambda names: edit(arena.places.source, spread(names, 10), sentence_in_the_middle)
    )


def edited_at_the_head(arena: Arena, sizes: Sizes) -> Result:
    """W3: a sentence at the head of ten documents."""
    return _updated(arena, sizes, lambda names: edit(arena.places.source, spread(names, 10), sentence_at_the_head))


def other_metadata(arena: Arena, sizes: Sizes) -> Result:
    """W4: the owner of a tenth of the documents."""
    return _updated(
        arena, sizes, lambda names: set_owner(arena.places.source, spread(names, len(names) // 10), "auditors")
    )


def removed(arena: Arena, sizes: Sizes) -> Result:
    """W5: two of a hundred documents."""

    def change(names: list[str]) -> None:
        for name in spread(names, len(names) // 50):
            (arena.places.source / name).unlink()

    return _updated(arena, sizes, change)


def renamed(arena: Arena, sizes: Sizes) -> Result:
    """W6: two of a hundred documents get longer names."""

    def change(names: list[str]) -> None:
        for name in spread(names, len(names) // 50):
            path = arena.places.source / name
            path.rename(path.with_name(f"renamed-in-the-new-year-{path.name}"))

    return _updated(arena, sizes, change)


def nothing_listed(arena: Arena, sizes: Sizes) -> Result:
    """W11: the folder is there and empty, as a share that is not mounted. Right is to delete nothing unasked."""
    base = base_of(arena, sizes.documents)
    arena.return_to(base)
    before = arena.read()
    for path in sorted(arena.places.source.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    ended = arena.run()
    after = arena.read()
    gone = len({row.object_id for row in before.rows} - {row.object_id for row in after.rows})
    return {
        "documents": sizes.documents,
        "exit_code": ended.exit_code,
        "deleted_unasked": gone,
        "of": len(before.rows),
        **spent(arena, before.stamps, after),
        "said": arena.contestant.sheet_of(ended.output),
    }


def store_lost(arena: Arena, sizes: Sizes) -> Result:
    """W15: an empty server under a state that knows nothing of it."""
    arena.return_to(base_of(arena, sizes.documents))
    expected = arena.expected(None)
    arena.wipe_store()
    command = arena.contestant.restore_command(arena.places)
    return measured(arena, lambda: arena.start(command).wait(), expected, expected, stamps={})


def edited_beside_neighbours(arena: Arena, sizes: Sizes) -> Result:
    """W16: ``guide-N.md`` is edited, ``guide-N-appendix.md`` is not."""
    names = [f"guide-{number}.md" for number in range(PAIRS_COUNT)]
    result = _updated(arena, sizes, lambda _: edit(arena.places.source, names, sentence_in_the_middle))
    appendices = [name for name in result["lost_documents"] if "-appendix" in name]
    return result | {"neighbours_lost": len(appendices), "of": PAIRS_COUNT}


def _updated(arena: Arena, sizes: Sizes, change: Callable[[list[str]], None]) -> Result:
    """Back to the base, something changes, one run."""
    base = base_of(arena, sizes.documents)
    arena.return_to(base)
    stamps = arena.stamps_of(base)
    before = arena.expected(None)
    change(documents(arena.places.source))
    return measured(arena, arena.run, before, arena.expected(before), stamps=stamps)


def measured(
    arena: Arena, run: Callable[[], Ended], before: Chunks, expected: Chunks, *, stamps: Mapping[str, str]
) -> Result:
    """One run, and everything that the results say of it. ``stamps``: of the objects before it."""
    arena.embedder.reset()
    ended = run()
    errors, reading = arena.judge(expected)
    return {
        "documents": len(expected),
        "chunks": sum(len(texts) for texts in expected.values()),
        "exit_code": ended.exit_code,
        "embeddings_ideal": new_texts(before, expected),
        **spent(arena, stamps, reading),
        "seconds": round(ended.seconds, 1),
        "processor_seconds": round(ended.processor_seconds, 1),
        "peak_memory_mib": round(ended.peak_memory_mib),
        **judged(errors, reading),
        **_complaint(ended),
    }


def spent(arena: Arena, stamps: Mapping[str, str], reading: Reading) -> Result:
    """What it cost, since the embedding server was set up and since the objects were as in ``stamps``."""
    meter = arena.embedder.meter()
    return {
        "embeddings": meter.texts_count,
        "requests": meter.requests_count,
        "writes": writes_between(stamps, reading.stamps),
    }


def judged(errors: Errors, reading: Reading) -> Result:
    """The errors of a row."""
    return {
        "errors": errors.as_dict(),
        "audited": errors.audited,
        "lost_documents": list(errors.lost_documents[:12]),
        "objects": len(reading.rows),
    }


def _complaint(ended: Ended) -> Result:
    last = [line for line in ended.tail.splitlines() if line.strip()][-1:]
    return {"stderr_end": last[0][-300:]} if ended.exit_code and last else {}


def _base(count: int) -> str:
    return f"base-{count}"


def base_of(arena: Arena, count: int) -> str:
    """The state after a clean first load of so many documents; loaded now where it was not."""
    name = _base(count)
    if not arena.has(name):
        arena.prepare(count)
        ended = arena.run()
        if ended.exit_code:
            raise RuntimeError(
                f"{arena.contestant.name}: the first load ended with {ended.exit_code}: {ended.tail}"
            )
        arena.keep(name)
    return name


PLAIN: dict[str, Workload] = {
    "W0": first_load,
    "W1": nothing_changed,
    "W2": edited_in_the_middle,
    "W3": edited_at_the_head,
    "W4": other_metadata,
    "W5": removed,
    "W6": renamed,
    "W11": nothing_listed,
    "W15": store_lost,
    "W16": edited_beside_neighbours,
}

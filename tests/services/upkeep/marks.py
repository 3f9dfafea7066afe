"""A document with a mark, and where any byte of that mark stands."""

from __future__ import annotations

import zlib
from typing import Any

from wellread.ledger import revisions, term_counts
from wellread.ledger.schema import denied, metadata
from wellread.upkeep import purging
from wellread.upkeep.reconciling import reconcile

MARK = "Zanzibarquux keeps the seventeenth lantern behind the organ loft of Vellmoor"
NAME = "secret.txt"


def ingest_marked(world: Any) -> None:
    """Two versions of a marked document, and a neighbour that holds one of its paragraphs."""
    shared = world.prose("granite", parts=1)
    world.files.write(NAME, f"{shared}\n\n{MARK}, as of old.\n\n{world.prose('granite', parts=3)}")
    world.files.write("neighbour.txt", f"{shared}\n\n{world.prose('heron', parts=2)}")
    world.ingest()
    world.files.edit(NAME, "as of old", "as of late")
    world.ingest()


def places_of(world: Any, raw: Any, words: str = MARK) -> list[str]:
    """Where any of the words' bytes stand: files of the home (artifacts unpacked), rows of the ledger, and objects
    of the store, whatever their revision."""
    needles = [words.encode(), words.casefold().encode(), words.split(maxsplit=1)[0].casefold().encode()]
    found = []
    for path in sorted(world.home.rglob("*")):
        if not path.is_file() or "server" in path.parts:
            continue
        content = path.read_bytes()
        content = zlib.decompress(content) if path.suffix == ".z" else content
        found += [path.relative_to(world.home).as_posix()] if _holds(content, needles) else []
    for name, rows in _ledger_rows(world).items():
        found += [f"table {name}"] if any(_holds(row, needles) for row in rows) else []
    for name in raw.collections.list_all():
        if not name.startswith(f"{world.collection}_"):
            continue
        for item in raw.collections.get(name).iterator():
            found += [f"{name} {item.uuid}"] if _holds(str(item.properties).encode(), needles) else []
    return found


def _ledger_rows(world: Any) -> dict[str, list[bytes]]:
    with world.open() as workspace, workspace.ledger.reading() as reading:
        return {
            name: [str(tuple(row)).encode("utf-8", "replace") for row in reading.execute(table.select())]
            for name, table in metadata.tables.items()
        }


def _holds(content: bytes, needles: list[bytes]) -> bool:
    return any(needle in content.lower() or needle in content for needle in needles)


def purge(world: Any, name: str = NAME, **options: Any) -> Any:
    with world.open() as workspace:
        target = purging.find_target(workspace.parts, world.collection, name)
        forget = options.pop("forget_cached", lambda _tenant, _keys: None)
        return purging.purge(workspace.parts, target, reason="asked for", forget_cached=forget, **options)


def rows_of(world: Any, table: Any) -> list[Any]:
    with world.open() as workspace, workspace.ledger.reading() as reading:
        return list(reading.execute(table.select()))


def terms_of(world: Any) -> dict[str, int]:
    with world.open() as workspace, workspace.ledger.reading() as reading:
        found = revisions.find_collection(reading, world.collection)
        return {**term_counts.read_terms(reading, world.collection), "": found.chunk_count}


def assert_gone(world: Any, raw: Any) -> None:
    assert places_of(world, raw) == []
    assert rows_of(world, denied) == []
    world.assert_exact(without=frozenset({NAME}))
    assert "neighbour.txt" in world.search("the harbour of granite", k=10)
    with world.open() as workspace:
        assert reconcile(workspace.parts, world.collection, repair=False).faults.total() == 0

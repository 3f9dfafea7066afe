"""What is true of an index, read without the product: source files, the raw store, the raw ledger.

Nothing of Wellread is imported here, so that no mistake of the product can hide in its judge. The visibility rule,
the listing and the cover of a text are written a second time, in the plainest words.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import weaviate

HEADS = "WellreadHeads"


@dataclass(frozen=True)
class Seen:
    """One raw object of the store."""

    object_id: str
    properties: Mapping[str, Any]
    vector: tuple[float, ...] = ()

    @property
    def span(self) -> tuple[int, int]:
        return int(self.properties["rev_from"]), int(self.properties["rev_to"])

    def frozen(self) -> str:
        """Everything of the object as one text, for comparing byte by byte."""
        return json.dumps([self.object_id, dict(self.properties), self.vector], sort_keys=True, default=str)


@dataclass
class Index:
    """A whole collection as it stands."""

    head: dict[str, Any]
    chunks: list[Seen] = field(default_factory=list)
    versions: list[Seen] = field(default_factory=list)
    unindexed: set[str] = field(default_factory=set)
    """Visible chunks that the vector index does not find by their own vector."""

    def shows(self, item: Seen) -> bool:
        """The visibility rule, from the words of the design."""
        opened, closed = item.span
        text = str(self.head["snapshot"])
        boundary, _, rest = text.partition("-")
        excluded = {int(number) for number in rest.strip("{}").split(",") if number}

        def counts(number: int) -> bool:
            return number < int(boundary) and number not in excluded

        return counts(opened) and not (closed != 0 and counts(closed))

    def visible_versions(self) -> dict[str, list[Seen]]:
        found: dict[str, list[Seen]] = {}
        for item in self.versions:
            if self.shows(item):
                key = json.loads(item.properties["body"])["natural_key"]
                found.setdefault(f"{item.properties['source_id']}/{key}", []).append(item)
        return found

    def visible_chunks(self) -> dict[str, list[Seen]]:
        found: dict[str, list[Seen]] = {}
        for item in self.chunks:
            if self.shows(item):
                found.setdefault(str(item.properties["doc_id"]), []).append(item)
        return found

    def of_document(self, natural_key: str) -> list[str]:
        """Every object of one document, open or closed, frozen."""
        doc_ids = {
            item.properties["doc_id"] for item in self.versions if item.properties["natural_key"] == natural_key
        }
        both = [item for item in (*self.chunks, *self.versions) if item.properties["doc_id"] in doc_ids]
        return sorted(item.frozen() for item in both)


def connect(host: str, http_port: int, grpc_port: int, api_key: str | None) -> weaviate.WeaviateClient:
    """A plain client."""
    import weaviate
    from weaviate.classes.init import AdditionalConfig, Auth, Timeout

    return weaviate.connect_to_local(
        host=host,
        port=http_port,
        grpc_port=grpc_port,
        auth_credentials=Auth.api_key(api_key or ""),
        skip_init_checks=True,
        additional_config=AdditionalConfig(timeout=Timeout(init=10, query=60, insert=60)),
    )


def read_head(client: weaviate.WeaviateClient, collection: str) -> dict[str, Any] | None:
    """The newest head row, as JSON."""
    from weaviate.classes.query import Filter, Sort

    if not client.collections.exists(HEADS):
        return None
    reply = client.collections.get(HEADS).query.fetch_objects(
        filters=Filter.by_property("collection").equal(collection),
        sort=Sort.by_property("seq", ascending=False),
        limit=1,
    )
    if not reply.objects:
        return None
    head: dict[str, Any] = json.loads(str(reply.objects[0].properties["body"]))
    return head


def read_index(client: weaviate.WeaviateClient, collection: str) -> Index:
    """Everything that the store holds of a collection, and what its vector index does not find."""
    from weaviate.classes.query import Filter

    head = read_head(client, collection)
    assert head is not None, "the collection has no head"
    index = Index(head)
    index.chunks = _all(client, f"{collection}_chunks_{head['number']}", with_vectors=True)
    index.versions = _all(client, f"{collection}_versions_{head['number']}", with_vectors=False)
    chunks = client.collections.get(f"{collection}_chunks_{head['number']}")
    for item in index.chunks:
        if not index.shows(item):
            continue
        reply = chunks.query.near_vector(
            list(item.vector), filters=Filter.by_id().equal(item.object_id), limit=1, return_properties=False
        )
        if [str(found.uuid) for found in reply.objects] != [item.object_id]:
            index.unindexed.add(item.object_id)
    return index


def _all(client: weaviate.WeaviateClient, name: str, *, with_vectors: bool) -> list[Seen]:
    found = []
    for item in client.collections.get(name).iterator(include_vector=with_vectors):
        vector: Any = item.vector.get("default", ()) if with_vectors else ()
        found.append(Seen(str(item.uuid), dict(item.properties), tuple(vector)))
    return found


def readable_files(folder: Path, without: frozenset[str]) -> dict[str, str]:
    """Relative path -> text, of every file below a folder but those named."""
    names = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path.read_text("utf-8") for name, path in names.items() if name not in without}


def letters(text: str) -> str:
    """Letters and digits alone: what no cleaning may lose or invent."""
    return "".join(character for character in text.casefold() if character.isalnum())


def faults_of_source(
    index: Index,
    source_id: str,
    folder: Path,
    *,
    without: frozenset[str] = frozenset(),
    last_good: Mapping[str, str] | None = None,
) -> list[str]:
    """Everything that is not as it should be; an empty list is an exact index.

    ``without``: files that must not be visible at all. ``last_good``: files that must be visible as they were
    before, by their text of that time.
    """
    wanted = {**readable_files(folder, without | (last_good or {}).keys()), **(last_good or {})}
    versions, chunks = index.visible_versions(), index.visible_chunks()
    faults = [f"{item} is not in the vector index" for item in sorted(index.unindexed)]
    of_source = {key for key in versions if key.startswith(f"{source_id}/")}
    expected = {f"{source_id}/{key}" for key in wanted}
    faults += [f"stale: {key}" for key in sorted(of_source - expected)]
    faults += [f"missing: {key}" for key in sorted(expected - of_source)]
    owners = {str(item.properties["doc_id"]) for key in of_source for item in versions[key]}
    for doc_id, items in chunks.items():
        if items[0].properties["source_id"] == source_id and doc_id not in owners:
            faults.append(f"{len(items)} chunks of the unknown document {doc_id}")
    for key in sorted(expected & of_source):
        faults += _faults_of_document(key, versions[key], chunks, wanted[key.split("/", 1)[1]])
    return faults


def _faults_of_document(key: str, versions: list[Seen], chunks: dict[str, list[Seen]], text: str) -> list[str]:
    if len(versions) != 1:
        return [f"{key} has {len(versions)} visible versions"]
    version = versions[0].properties
    placed = [row for part in version["placements"] or () for row in json.loads(part)]
    own = chunks.get(str(version["doc_id"]), [])
    by_key = {item.properties["chunk_key"]: item for item in own}
    faults = []
    if Counter(item.properties["chunk_key"] for item in own) != Counter(row[0] for row in placed):
        faults.append(f"{key}: {len(own)} visible chunks, {len(placed)} placements")
    spans = [(row[1], row[2]) for row in placed]
    if spans != sorted(spans):
        faults.append(f"{key}: its chunks are out of order")
    shown = [by_key[row[0]].properties for row in placed if row[0] in by_key]
    covered = "".join(letters(str(item["text"])[int(item["repeated_chars"]) :]) for item in shown)
    if covered != letters(text):
        faults.append(f"{key}: its chunks do not cover its text ({len(covered)} of {len(letters(text))} letters)")
    return faults


def faults_of_ledger(index: Index, ledger: Path, collection: str) -> list[str]:
    """Differences between what the ledger says of objects and what the store holds, closed ones included."""
    stored = {item.object_id: item.span for item in (*index.chunks, *index.versions)}
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "select object_id, rev_from, rev_to from index_objects where collection = ? and projection = ?",
            (collection, index.head["number"]),
        ).fetchall()
    known = {_dashed(row[0]): (row[1], row[2]) for row in rows}
    faults = [f"only in the store: {key} {stored[key]}" for key in sorted(stored.keys() - known.keys())]
    faults += [f"only in the ledger: {key} {known[key]}" for key in sorted(known.keys() - stored.keys())]
    both = stored.keys() & known.keys()
    faults += [f"{key}: store {stored[key]}, ledger {known[key]}" for key in both if stored[key] != known[key]]
    return faults


def _dashed(value: str) -> str:
    plain = value.replace("-", "")
    return "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))

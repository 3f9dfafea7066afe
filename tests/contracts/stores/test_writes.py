"""What a write promises: one outcome for each object, and nothing sent that could not be indexed."""

from __future__ import annotations

import dataclasses
import math
import uuid

import pytest

from wellread.errors import ModelMismatchError
from wellread.snapshots import Projection, Snapshot
from wellread.stores.protocol import ObjectKind, Scope
from wellread.stores.weaviate_store import WeaviateStore
from wellread.testing.index_samples import DIMENSIONS, chunk_of, doc_of, head_of, placements_of, version_of

pytestmark = pytest.mark.weaviate
EVERYTHING = Scope(tenant="t")


def test_stored_objects_are_stored_counted_and_in_the_vector_index(
    store: WeaviateStore, projection: Projection
) -> None:
    chunks = [chunk_of(f"sentence {number}") for number in range(450)]
    ids = {chunk.object_id for chunk in chunks}
    result = store.insert_chunks(projection, chunks)
    assert (result.stored, dict(result.refused), result.unknown) == (ids, {}, frozenset())
    assert store.count_objects(projection, "chunks") == len(ids)
    assert store.vector_indexed_ids(projection, 1, len(ids)) == ids
    found = store.fetch_objects(projection, "chunks", [*ids, uuid.uuid4()])
    assert {key: item.payload_hash for key, item in found.items()} == {
        chunk.object_id: chunk.payload_hash for chunk in chunks
    }


def test_content_comes_back_as_it_was_written(store: WeaviateStore, projection: Projection) -> None:
    chunks = [chunk_of(f"sentence {number}", fields={"year": 2_000 + number}) for number in range(3)]
    versions = [version_of(f"guide-{number}.md") for number in range(120)]
    store.insert_chunks(projection, chunks)
    store.insert_versions(projection, versions)
    wanted = {item.object_id: (item, store.derived_of(item)) for item in (*chunks, *versions)}
    plain = {item.object_id: dataclasses.replace(item, vector=None, fields={}) for item in chunks}
    kinds: tuple[ObjectKind, ...] = ("chunks", "versions")
    found = {}
    for kind in kinds:
        ids = [item.object_id for item in store.iterate_objects(projection, kind, with_content=True)]
        found |= store.fetch_objects(projection, kind, ids, with_content=True)
        assert all(item.content is None for item in store.iterate_objects(projection, kind))
    assert {key: item.content for key, item in found.items()} == {
        key: plain.get(key, item) for key, (item, _) in wanted.items()
    }
    assert {key: item.derived for key, item in found.items()} == {key: made for key, (_, made) in wanted.items()}


@pytest.mark.parametrize(
    "vector",
    [None, (), (0.0,) * DIMENSIONS, (math.nan,) * DIMENSIONS, (math.inf, *(0.0,) * (DIMENSIONS - 1))],
    ids=["missing", "empty", "zero", "nan", "infinite"],
)
def test_a_vector_without_a_direction_is_refused_and_never_stored(
    store: WeaviateStore, projection: Projection, vector: tuple[float, ...] | None
) -> None:
    good, bad = chunk_of("good"), chunk_of("bad", vector=vector)
    result = store.insert_chunks(projection, [good, bad])
    assert result.stored == {good.object_id}
    assert set(result.refused) == {bad.object_id}
    assert store.count_objects(projection, "chunks") == 1


def test_a_vector_of_another_length_stops_the_whole_write(store: WeaviateStore, projection: Projection) -> None:
    chunks = [chunk_of("good"), chunk_of("bad", vector=(1.0,) * (DIMENSIONS + 1))]
    with pytest.raises(ModelMismatchError, match="9 dimensions"):
        store.insert_chunks(projection, chunks)
    assert store.count_objects(projection, "chunks") == 0


def test_lone_surrogates_and_nul_lose_nothing_else(store: WeaviateStore, projection: Projection) -> None:
    odd = dataclasses.replace(
        chunk_of("odd"), text="broken \ud800 half and \x00 nul", title="\udfff", headings=("\ud800",)
    )
    plain = chunk_of("plain")
    assert store.insert_chunks(projection, [odd, plain]).stored == {odd.object_id, plain.object_id}
    snapshot = Snapshot(2)
    hit = store.fetch_chunks(head_of(projection, snapshot), snapshot, EVERYTHING, [odd.chunk_key])[odd.chunk_key]
    assert hit.text == "broken � half and \x00 nul"
    assert len(hit.text) == len(odd.text)


def test_a_version_comes_back_as_it_was_written(store: WeaviateStore, projection: Projection) -> None:
    name = "Ordner/ünï-Ω-日本 𝕏.pdf"
    version = version_of(name, placements=placements_of(doc_of(name), 2_501))
    version = dataclasses.replace(version, natural_key="not-\udcff-utf8.pdf", metadata={"owner": "\ud800"})
    assert store.insert_versions(projection, [version]).stored == {version.object_id}
    snapshot = Snapshot(2)
    found = store.fetch_versions(head_of(projection, snapshot), snapshot, EVERYTHING, [version.doc_id])
    assert found == {version.doc_id: version}


def test_a_version_without_chunks_metadata_or_readers_comes_back(
    store: WeaviateStore, projection: Projection
) -> None:
    version = version_of(placements=(), metadata={}, acl=(), title="", opening="")
    store.insert_versions(projection, [version])
    snapshot = Snapshot(2)
    assert store.fetch_versions(head_of(projection, snapshot), snapshot, EVERYTHING, [version.doc_id]) == {
        version.doc_id: version
    }


@pytest.mark.parametrize("kind", ["chunks", "versions"])
def test_closing_reopening_and_access_move_one_property_only(
    store: WeaviateStore, projection: Projection, kind: ObjectKind
) -> None:
    chunks = [chunk_of(f"text {number}") for number in range(20)]
    versions = [version_of(f"{number}.md") for number in range(20)]
    store.insert_chunks(projection, chunks)
    store.insert_versions(projection, versions)
    ids = [item.object_id for item in (chunks if kind == "chunks" else versions)]
    before = store.fetch_objects(projection, kind, ids)
    vanished = uuid.uuid4()
    closed = store.set_rev_to(projection, kind, [*ids, vanished], 7)
    assert (closed.stored, set(closed.refused)) == (set(ids), {vanished})
    after = store.fetch_objects(projection, kind, ids)
    assert after == {key: dataclasses.replace(item, rev_to=7) for key, item in before.items()}
    assert len(store.objects_of_revision(projection, kind, 7)) == 20
    store.set_rev_to(projection, kind, ids, 0)
    store.set_acl(projection, kind, ids, ("board",))
    assert store.fetch_objects(projection, kind, ids) == {
        key: dataclasses.replace(item, acl=("board",)) for key, item in before.items()
    }
    assert store.vector_indexed_ids(projection, 1, 20) == {chunk.object_id for chunk in chunks}


def test_an_id_twice_in_one_write_is_one_object(store: WeaviateStore, projection: Projection) -> None:
    chunk = chunk_of("twice")
    assert store.insert_chunks(projection, [chunk, chunk]).stored == {chunk.object_id}
    assert store.count_objects(projection, "chunks") == 1


def test_an_empty_write_is_no_error(store: WeaviateStore, projection: Projection) -> None:
    assert store.insert_chunks(projection, []).stored == frozenset()
    assert store.insert_versions(projection, []).stored == frozenset()
    assert store.set_rev_to(projection, "chunks", [], 3).stored == frozenset()
    store.delete_objects(projection, "chunks", [])


def test_an_object_above_the_transports_limit_is_refused_and_its_neighbours_stored(
    store: WeaviateStore, projection: Projection
) -> None:
    giant, small = chunk_of("x" * 106_000_000), chunk_of("small")
    result = store.insert_chunks(projection, [giant, small])
    assert (result.stored, set(result.refused)) == ({small.object_id}, {giant.object_id})


def test_deleting_takes_what_is_there_and_leaves_the_neighbour(
    store: WeaviateStore, projection: Projection
) -> None:
    guide = [chunk_of(f"line {number}", "guide-3.md") for number in range(10)]
    appendix = [chunk_of(f"line {number}", "guide-3-appendix.md") for number in range(10)]
    store.insert_chunks(projection, guide + appendix)
    store.delete_objects(projection, "chunks", [*(chunk.object_id for chunk in guide), uuid.uuid4()])
    left = {item.object_id for item in store.iterate_objects(projection, "chunks")}
    assert left == {chunk.object_id for chunk in appendix}


def test_deleted_ids_can_be_written_again_and_are_indexed(store: WeaviateStore, projection: Projection) -> None:
    chunks = [chunk_of(f"again {number}") for number in range(300)]
    ids = {chunk.object_id for chunk in chunks}
    for _ in range(3):
        store.insert_chunks(projection, chunks)
        store.delete_objects(projection, "chunks", list(ids))
    assert store.insert_chunks(projection, chunks).stored == ids
    assert store.vector_indexed_ids(projection, 1, len(ids)) == ids


def test_more_objects_than_one_answer_names_are_audited_listed_and_deleted(
    store: WeaviateStore, projection: Projection
) -> None:
    chunks = [chunk_of(f"many {number}") for number in range(12_000)]
    ids = [chunk.object_id for chunk in chunks]
    assert len(store.insert_chunks(projection, chunks).stored) == len(ids)
    assert store.vector_indexed_ids(projection, 1, expected_count=len(ids)) == set(ids)
    assert store.vector_indexed_ids(projection, 1, expected_count=10) == set(ids)  # a wrong guess costs only time
    assert store.vector_indexed_among(projection, ids) == set(ids)
    vectors = store.fetch_vectors(projection, [*ids[:1_500], uuid.uuid4()])
    assert set(vectors) == set(ids[:1_500])
    wanted = {chunk.object_id: chunk.vector for chunk in chunks}
    assert all(vectors[key] == pytest.approx(wanted[key], abs=1e-6) for key in ids[:20])
    assert len(store.objects_of_revision(projection, "chunks", 1)) == len(ids)
    assert [item.object_id for item in store.iterate_objects(projection, "chunks")] == sorted(ids)
    store.delete_objects(projection, "chunks", ids)
    assert store.count_objects(projection, "chunks") == 0
    assert store.vector_indexed_ids(projection, 1, len(ids)) == set()

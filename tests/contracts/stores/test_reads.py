"""What readers see: their snapshot, their scope, and nothing withdrawn."""

from __future__ import annotations

import dataclasses
import random
from typing import Literal

import pytest

from wellread.errors import ModelMismatchError, SettingsError
from wellread.snapshots import Head, Projection, Snapshot
from wellread.stores.protocol import Scope
from wellread.stores.weaviate_store import WeaviateStore
from wellread.testing.index_samples import chunk_of, doc_of, head_of, vector_of, version_of

pytestmark = pytest.mark.weaviate

NOW = Snapshot(2)
EVERYTHING = Scope(tenant="t")
MODES: tuple[Literal["hybrid", "vector", "keyword"], ...] = ("hybrid", "vector", "keyword")
Mode = Literal["hybrid", "vector", "keyword"]


def texts(
    store: WeaviateStore, head: Head, scope: Scope, mode: Mode = "vector", query: str = "common", limit: int = 100
) -> list[str]:
    hits = store.search(
        head, head.snapshot, scope, mode=mode, query=query, vector=vector_of(query), alpha=0.5, limit=limit
    )
    return [hit.text for hit in hits]


def test_the_filter_agrees_with_the_visibility_rule(store: WeaviateStore, projection: Projection) -> None:
    """Every pair of opening and closing revision, under many snapshots, by every way of reading."""
    draw = random.Random(20261123)
    highest = 24
    pairs = [(first, last) for first in range(1, highest) for last in (0, *range(first + 1, highest + 1))]
    chunks = [
        chunk_of(f"common {first} {last}", f"{first}-{last}.md", rev_from=first, rev_to=last)
        for first, last in pairs
    ]
    versions = [version_of(f"{first}-{last}.md", rev_from=first, rev_to=last) for first, last in pairs]
    assert len(store.insert_chunks(projection, chunks).stored) == len(chunks)
    assert len(store.insert_versions(projection, versions).stored) == len(versions)
    snapshots = [Snapshot(0), Snapshot(1), Snapshot(highest + 5)]
    for _ in range(40):
        upper = draw.randint(1, highest + 2)
        snapshots.append(Snapshot(upper, frozenset(draw.sample(range(1, upper + 1), draw.randint(0, upper // 2)))))
    for snapshot in snapshots:
        head = head_of(projection, snapshot)
        expected = {chunk.text for chunk in chunks if snapshot.shows(chunk.rev_from, chunk.rev_to)}
        assert set(texts(store, head, EVERYTHING, "vector", limit=1_000)) == expected, snapshot
        assert set(texts(store, head, EVERYTHING, "keyword", limit=1_000)) == expected, snapshot
        fetched = store.fetch_versions(head, snapshot, EVERYTHING, [version.doc_id for version in versions])
        shown = {version.doc_id for version in versions if snapshot.shows(version.rev_from, version.rev_to)}
        assert set(fetched) == shown, snapshot


def test_a_revision_opened_since_the_head_was_read_changes_nothing(
    store: WeaviateStore, projection: Projection
) -> None:
    old = chunk_of("common old", rev_from=1)
    store.insert_chunks(projection, [old])
    head = head_of(projection, NOW)
    assert texts(store, head, EVERYTHING) == ["common old"]
    store.insert_chunks(projection, [chunk_of("common new", rev_from=2)])
    assert texts(store, head, EVERYTHING) == ["common old"]
    store.set_rev_to(projection, "chunks", [old.object_id], 2)
    assert texts(store, head, EVERYTHING) == ["common old"]
    assert texts(store, head_of(projection, Snapshot(3)), EVERYTHING) == ["common new"]


@pytest.mark.parametrize("mode", MODES)
def test_withdrawn_documents_and_sources_are_in_no_answer(
    store: WeaviateStore, projection: Projection, mode: Mode
) -> None:
    kept, denied = chunk_of("common kept", "a.md"), chunk_of("common denied", "b.md")
    other = chunk_of("common other", "c.md", source_id="gone")
    versions = [version_of("a.md"), version_of("b.md"), version_of("c.md", source_id="gone")]
    store.insert_chunks(projection, [kept, denied, other])
    store.insert_versions(projection, versions)
    head = head_of(projection, NOW, denied=frozenset({denied.doc_id}), denied_sources=frozenset({"gone"}))
    assert texts(store, head, EVERYTHING, mode) == ["common kept"]
    keys = [chunk.chunk_key for chunk in (kept, denied, other)]
    assert set(store.fetch_chunks(head, NOW, EVERYTHING, keys)) == {kept.chunk_key}
    ids = [version.doc_id for version in versions]
    assert set(store.fetch_versions(head, NOW, EVERYTHING, ids)) == {kept.doc_id}
    found = store.search_versions(head, NOW, EVERYTHING, query="guide", limit=10)
    assert [hit.version.doc_id for hit in found] == [kept.doc_id]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope("t"), {"all", "board", "board and staff", "nobody", "elsewhere", "2021"}),
        (Scope("t", groups=()), {"all", "elsewhere", "2021"}),
        (Scope("t", groups=("staff",)), {"all", "board and staff", "elsewhere", "2021"}),
        (Scope("t", groups=("board",)), {"all", "board", "board and staff", "elsewhere", "2021"}),
        (Scope("t", groups=("boar", "oard", "Board")), {"all", "elsewhere", "2021"}),
        (Scope("t", doc_ids=(doc_of("all.md"), doc_of("board.md"))), {"all", "board"}),
        (Scope("t", groups=(), doc_ids=(doc_of("board.md"),)), set()),
        (Scope("t", source_ids=("other",)), {"elsewhere"}),
        (Scope("t", field_equals={"year": 2021}), {"2021"}),
        (Scope("t", field_equals={"year": 2021.0, "draft": True}), {"2021"}),
        (Scope("t", field_equals={"year": "2021"}), set()),
        (Scope("t", field_equals={"note": "x" * 5_000}), {"2021"}),
        (Scope("t", field_equals={"note": "x" * 4_999}), set()),
        (Scope("u"), {"another tenant"}),
        (Scope("T"), set()),
    ],
)
def test_a_scope_shows_exactly_what_it_says(
    store: WeaviateStore, projection: Projection, scope: Scope, expected: set[str]
) -> None:
    store.insert_chunks(
        projection,
        [
            chunk_of("all", "all.md"),
            chunk_of("board", "board.md", acl=("board",)),
            chunk_of("board and staff", acl=("board", "staff")),
            chunk_of("nobody", acl=()),
            chunk_of("elsewhere", source_id="other"),
            chunk_of("2021", fields={"year": 2021, "draft": True, "note": "x" * 5_000}),
            chunk_of("another tenant", tenant="u"),
        ],
    )
    assert set(texts(store, head_of(projection, NOW), scope)) == expected


def test_similar_and_unicode_keys_stay_apart(store: WeaviateStore, projection: Projection) -> None:
    names = [
        "guide-3.md",
        "guide-3-appendix.md",
        "Guide-3.md",
        "guide 3.md",
        "指南-3.md",
        "gu\u0308ide.md",
        "güide.md",
    ]
    store.insert_chunks(projection, [chunk_of(f"common {name}", name) for name in names])
    store.insert_versions(projection, [version_of(name) for name in names])
    head = head_of(projection, NOW)
    for name in names:
        scope = Scope("t", doc_ids=(doc_of(name),))
        assert texts(store, head, scope) == [f"common {name}"]
        found = store.fetch_versions(head, NOW, EVERYTHING, [doc_of(name)])
        assert [version.natural_key for version in found.values()] == [name]


def test_of_two_copies_the_higher_is_shown_and_the_answer_stays_full(
    store: WeaviateStore, projection: Projection
) -> None:
    first = [chunk_of(f"common {number}") for number in range(10)]
    second = [chunk_of(f"common {number}", copy=1) for number in range(5)]
    store.insert_chunks(projection, first + second)
    head = head_of(projection, NOW)
    expected = {chunk.object_id for chunk in [*first[5:], *second]}
    for mode in MODES:
        hits = store.search(
            head, NOW, EVERYTHING, mode=mode, query="common", vector=vector_of("x"), alpha=0.5, limit=10
        )
        # At the edge of an answer one copy of two may stand alone: the same content, never twice.
        assert {hit.chunk_key for hit in hits} == {chunk.chunk_key for chunk in first}
        assert len(hits) == len(first)
        wide = store.search(
            head, NOW, EVERYTHING, mode=mode, query="common", vector=vector_of("x"), alpha=0.5, limit=20
        )
        assert {hit.object_id for hit in wide} == expected
    fetched = store.fetch_chunks(head, NOW, EVERYTHING, [chunk.chunk_key for chunk in first])
    assert {hit.object_id for hit in fetched.values()} == expected


def test_scores_and_vectors_are_what_they_are_called(store: WeaviateStore, projection: Projection) -> None:
    chunks = [chunk_of(f"common word{number}") for number in range(30)]
    store.insert_chunks(projection, chunks)
    head, query = head_of(projection, NOW), vector_of("common word7")
    hits = store.search(
        head, NOW, EVERYTHING, mode="vector", query="", vector=query, alpha=1.0, limit=30, with_vectors=True
    )
    assert hits[0].text == "common word7"
    for hit in hits:
        assert hit.vector is not None
        assert hit.score == pytest.approx(sum(a * b for a, b in zip(hit.vector, query, strict=True)), abs=1e-5)
    fused = store.search(
        head, NOW, EVERYTHING, mode="hybrid", query="word7", vector=query, alpha=0.5, limit=30, properties=("text",)
    )
    assert fused[0].text == "common word7"
    assert fused[0].score == pytest.approx(1.0)
    assert all(0.0 <= hit.score <= 1.0 for hit in fused)
    assert fused[0].vector is None


@pytest.mark.parametrize(
    "query", ["", "  \n", "the of and", "zzzzunknown", "\ud800", "common " * 3_000, "語 " * 50]
)
@pytest.mark.parametrize("mode", MODES)
def test_no_query_text_breaks_a_search(
    store: WeaviateStore, projection: Projection, query: str, mode: Mode
) -> None:
    store.insert_chunks(projection, [chunk_of(f"common {number}") for number in range(5)])
    found = texts(store, head_of(projection, NOW), EVERYTHING, mode, query)
    if mode != "keyword":
        assert len(found) == 5


def test_bad_searches_are_refused_with_a_reason(store: WeaviateStore, projection: Projection) -> None:
    head = head_of(projection, NOW)
    for vector, alpha, error in (
        (None, 0.5, SettingsError),
        ((0.0,) * 8, 0.5, SettingsError),
        ((1.0,) * 9, 0.5, ModelMismatchError),
        ((1.0,) * 8, 1.5, SettingsError),
    ):
        with pytest.raises(error):
            store.search(head, NOW, EVERYTHING, mode="hybrid", query="x", vector=vector, alpha=alpha, limit=3)
    assert store.search(head, NOW, EVERYTHING, mode="vector", query="", vector=(1.0,) * 8, alpha=1.0, limit=0) == []


def test_documents_are_found_by_name_title_and_opening(store: WeaviateStore, projection: Projection) -> None:
    lease = version_of("contracts/2020_harbour-lease.pdf", title="Agreement", opening="Between Ada and Bob.")
    other = version_of("contracts/minutes.pdf", title="Minutes", opening="Present were Carol and Dan.")
    store.insert_versions(projection, [lease, other])
    head = head_of(projection, NOW)
    properties = ("natural_key_words", "title^2", "opening")
    for query in ("harbour", "LEASE 2020", "agreement", "Bob"):
        hits = store.search_versions(head, NOW, EVERYTHING, query=query, limit=5, properties=properties)
        assert hits[0].version == lease, query
        assert hits[0].score > 0
    assert store.search_versions(head, NOW, EVERYTHING, query=" ", limit=5) == []


def test_the_newer_of_two_visible_copies_of_a_version_wins(store: WeaviateStore, projection: Projection) -> None:
    first = version_of("a.md")
    healed = version_of("a.md", copy=1)
    store.insert_versions(projection, [first, healed])
    head = head_of(projection, NOW)
    assert store.fetch_versions(head, NOW, EVERYTHING, [first.doc_id]) == {first.doc_id: healed}
    found = store.search_versions(head, NOW, EVERYTHING, query="guide", limit=5)
    assert [hit.version for hit in found] == [healed]


def test_fetching_many_keys_returns_each_visible_one(store: WeaviateStore, projection: Projection) -> None:
    chunks = [chunk_of(f"common {number}") for number in range(450)]
    closed = [dataclasses.replace(chunk, rev_to=1) for chunk in chunks[:50]]
    store.insert_chunks(projection, [*closed, *chunks[50:]])
    head = head_of(projection, NOW)
    keys = [chunk.chunk_key for chunk in chunks] * 2
    assert set(store.fetch_chunks(head, NOW, EVERYTHING, keys)) == {chunk.chunk_key for chunk in chunks[50:]}

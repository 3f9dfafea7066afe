"""What a filter means is what the store answers: random filters over chunks of every kind of fact."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellread.errors import SettingsError
from wellread.filters import (
    And,
    AnyOf,
    Equals,
    Exists,
    Filter,
    FilterFacts,
    Not,
    NotEquals,
    Or,
    Range,
    StartsWith,
    holds,
)
from wellread.server import ServerAddress
from wellread.snapshots import Head, Snapshot
from wellread.stores import weaviate_facts
from wellread.stores.protocol import Scope
from wellread.stores.settings import StoreSettings
from wellread.stores.weaviate_store import WeaviateStore
from wellread.testing.index_samples import chunk_of, doc_of, head_of, projection_of, vector_of, version_of

pytestmark = pytest.mark.weaviate

FIRST = datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)
KEYS = ("a.md", "A.md", "b/a.md", "b/*", "b/?.md", " lead.md", "trail.md ", "b/ü.md", "b/two\nlines.md", "b/", "*")
SOURCES = ("s", "s-2", "S3")
LANGUAGES = ("en", "en-GB", "de", "und")
NUMBERS = (0, 1, -1, 2, 2.5, -2.5, 1e-07, 1e20, 2**53 + 1, 2020, 10**30, float("inf"), float("-inf"))
TEXTS = ("", "a", "A", "true", "1", "b*", 'say "x"', "zwei\nZeilen", "x" * 5_000, "语", "year=1", "-")
DATES = ("2026-01-31", "2026-02-01T08:00:00+02:00", "2026-02-01T08:00:00", "2026-02-30", "2026-1-1", "2026-01-31 x")
VALUES = (*NUMBERS, *TEXTS, *DATES, True, False)
FIELDS = ("year", "note", "years")


@dataclass(frozen=True)
class Filled:
    """An index whose every chunk's facts are known."""

    store: WeaviateStore
    head: Head
    facts: dict[str, FilterFacts]

    def found(self, scope: Scope, head: Head | None = None) -> set[str]:
        head = head or self.head
        hits = self.store.search(
            head, head.snapshot, scope, mode="vector", query="", vector=vector_of("x"), alpha=1.0, limit=1_000
        )
        return {hit.text for hit in hits}


@pytest.fixture(scope="module")
def filled(weaviate_address: ServerAddress, store_settings: Callable[..., StoreSettings]) -> Iterator[Filled]:
    """Every pair of a key and a source once, each with other facts."""
    with WeaviateStore.connect(store_settings(weaviate_address)) as store:
        projection = projection_of("TConditions")
        store.create_projection(projection)
        chunks, versions, facts = [], [], {}
        for number, (key, source) in enumerate((key, source) for key in KEYS for source in SOURCES):
            moment = FIRST + timedelta(hours=7 * (number // 3))
            fields: dict[str, Any] = {"year": VALUES[number % len(VALUES)]} if number % 7 else {}
            if number % 3:
                fields["note"] = VALUES[(number * 5) % len(VALUES)]
            text = f"common {number}"
            language = LANGUAGES[number % len(LANGUAGES)]
            chunks.append(chunk_of(text, key, source_id=source, language=language, fields=fields))
            versions.append(version_of(key, source_id=source, modified_at=moment))
            facts[text] = FilterFacts(key, source, language, moment, fields)
        assert len(store.insert_chunks(projection, chunks).stored) == len(chunks)
        assert len(store.insert_versions(projection, versions).stored) == len(versions)
        yield Filled(store, head_of(projection, Snapshot(2)), facts)
        store.drop_projection(projection)


def finite(values: tuple[Any, ...]) -> list[Any]:
    return [value for value in values if not isinstance(value, float) or abs(value) < 1e300]


scalars = st.sampled_from(finite(VALUES)) | st.integers() | st.text(st.characters(codec="utf-8"), max_size=9)
numbers = st.sampled_from(finite(NUMBERS)) | st.integers(-3000, 3000) | st.floats(-3000, 3000)
days = st.dates(date(2026, 1, 30), date(2026, 2, 12))
moments = st.builds(lambda hours: FIRST + timedelta(hours=hours), st.integers(-30, 90))
fields = st.sampled_from(FIELDS)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    field = draw(st.sampled_from(["modified_at", *FIELDS]))
    bounds = draw(st.sampled_from([days, moments] if field == "modified_at" else [numbers, numbers, days, moments]))
    low = draw(st.sampled_from(["at_least", "above", None]))
    high = draw(st.sampled_from(["at_most", "below", None] if low else ["at_most", "below"]))
    return Range(field, **{name: draw(bounds) for name in (low, high) if name})  # type: ignore[arg-type]


leaves = st.one_of(
    st.builds(Equals, fields, scalars),
    st.builds(NotEquals, fields, scalars),
    st.builds(AnyOf, fields, st.lists(scalars, min_size=1, max_size=4).map(tuple)),
    st.builds(Exists, fields),
    st.builds(Equals, st.just("document"), st.sampled_from(KEYS)),
    st.builds(AnyOf, st.just("document"), st.lists(st.sampled_from(KEYS), min_size=1, max_size=4).map(tuple)),
    st.builds(StartsWith, st.just("document"), st.sampled_from(["b", "b/", "b/*", "*", "?", "a.md", " ", "zz"])),
    st.builds(Equals, st.just("source"), st.sampled_from([*SOURCES, "", "s*"])),
    st.builds(NotEquals, st.just("language"), st.sampled_from([*LANGUAGES, "fr"])),
    ranges(),
)
filters: st.SearchStrategy[Filter] = st.recursive(
    leaves,
    lambda parts: st.one_of(
        st.builds(Not, parts),
        st.builds(And, st.lists(parts, min_size=1, max_size=3).map(tuple)),
        st.builds(Or, st.lists(parts, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)

real = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])


@real
@given(condition=filters)
def test_the_store_answers_what_the_filter_means(filled: Filled, condition: Filter) -> None:
    expected = {text for text, facts in filled.facts.items() if holds(condition, facts)}
    assert filled.found(Scope("t", filter=condition)) == expected


@real
@given(condition=filters)
def test_no_document_with_a_passing_chunk_is_hidden(filled: Filled, condition: Filter) -> None:
    passing = {doc_of(f.document, f.source) for f in filled.facts.values() if holds(condition, f)}
    scope = Scope("t", filter=condition)
    found = filled.store.fetch_versions(filled.head, filled.head.snapshot, scope, list(passing))
    assert set(found) == passing
    named = filled.store.search_versions(filled.head, filled.head.snapshot, scope, query="guide", limit=1_000)
    assert passing <= {hit.version.doc_id for hit in named}


@real
@given(condition=filters, other=filters)
def test_no_filter_widens_a_scope(filled: Filled, condition: Filter, other: Filter) -> None:
    narrow = Scope("t", groups=("g",), source_ids=("s", "S3"), filter=other)
    assert filled.found(narrow.narrowed(condition)) <= filled.found(narrow)
    assert filled.found(narrow.narrowed(Or((condition, Not(condition))))) == filled.found(narrow)


def test_a_filter_is_no_way_around_tenant_groups_or_documents(filled: Filled) -> None:
    everything = Or((Exists("year"), Not(Exists("year"))))
    assert filled.found(Scope("u", filter=everything)) == set()
    assert len(filled.found(Scope("t", groups=(), filter=everything))) == len(filled.facts)
    one = Scope("t", doc_ids=(doc_of("a.md", "s"),), filter=Or((Equals("document", "b/a.md"), everything)))
    assert len(filled.found(one)) == 1
    denied = replace(filled.head, denied_sources=frozenset({"s"}))
    assert all(
        filled.facts[text].source != "s" for text in filled.found(Scope("t", filter=Equals("source", "s")), denied)
    )


def test_a_range_sees_values_that_a_later_head_brings(filled: Filled) -> None:
    scope = Scope("t", filter=Range("late", at_least=1))
    assert filled.found(scope) == set()
    late = chunk_of("common late", "late.md", fields={"late": 7}, rev_from=2)
    filled.store.insert_chunks(filled.head.projection, [late])
    later = replace(filled.head, seq=2, snapshot=Snapshot(3))
    assert filled.found(scope, later) == {"common late"}
    assert filled.found(scope) == set()
    filled.store.delete_objects(filled.head.projection, "chunks", [late.object_id])


def test_filters_that_would_name_too_much_are_refused(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    later = replace(filled.head, seq=3)
    monkeypatch.setattr(weaviate_facts, "MOST_DISTINCT", 3)
    with pytest.raises(SettingsError, match="more than 3 different values"):
        filled.found(Scope("t", filter=Range("year", at_least=1)), later)
    monkeypatch.setattr(weaviate_facts, "MOST_DOCUMENTS", 3)
    with pytest.raises(SettingsError, match="would have to name"):
        filled.found(Scope("t", filter=StartsWith("document", "b")), later)
    monkeypatch.setattr(weaviate_facts, "ANSWER_LIMIT", 10)
    with pytest.raises(SettingsError, match="10 documents or more"):
        filled.found(Scope("t", filter=Range("modified_at", at_least=date(2026, 1, 1))), later)

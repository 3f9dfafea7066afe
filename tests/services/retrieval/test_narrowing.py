"""What a caller's filter does to everything that is read for a question."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from wellread.errors import SettingsError
from wellread.filters import AnyOf, Equals, Exists, Filter, Not, NotEquals, Or, Range, StartsWith
from wellread.retrieval.results import RetrievalResult, SearchMode
from wellread.retrieval.retriever import Retriever
from wellread.stores.protocol import Scope
from wellread.testing.index_samples import doc_of

if TYPE_CHECKING:
    from tests.services.retrieval.conftest import Library

pytestmark = pytest.mark.weaviate

ALL = Scope(tenant="t")
NAMED = "In the lease between Tillingham Estates and Osprey Bakery at Marrow Quay: which laws govern it?"
LEASE, SUPPLY, BREAD = "contracts/lease.pdf", "contracts/supply.pdf", "notes/bread.txt"


def ask(library: Library, question: str = "notice", **options: Any) -> RetrievalResult:
    retriever = Retriever(library.store, library.embedder)
    return retriever.retrieve(
        question, **{"collection": library.projection.collection, "scope": ALL, "k": 50, **options}
    )


def documents(result: RetrievalResult) -> set[str]:
    return {passage.document for passage in result.passages}


@pytest.mark.parametrize("mode", ["hybrid", "vector"])
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Equals("year", 2020), {LEASE}),
        (AnyOf("year", (2020, 2021)), {LEASE, SUPPLY}),
        (NotEquals("year", 2020), {SUPPLY, BREAD}),
        (Range("year", at_least=2020, below=2021), {LEASE}),
        (Range("year", at_least=2020), {LEASE, SUPPLY}),
        (Not(Exists("year")), {BREAD}),
        (Equals("document", BREAD), {BREAD}),
        (StartsWith("document", "contracts/"), {LEASE, SUPPLY}),
        (Range("modified_at", at_least=date(2026, 3, 1)), {LEASE, SUPPLY, BREAD}),
        (Range("modified_at", above=datetime(2026, 3, 2, tzinfo=UTC)), set()),
        (Equals("language", "de"), set()),
        (Equals("source", "s"), {LEASE, SUPPLY, BREAD}),
    ],
)
def test_a_filter_says_which_documents_answer(
    library: Library, condition: Filter, expected: set[str], mode: SearchMode
) -> None:
    assert documents(ask(library, filter=condition, mode=mode)) == expected


def test_fields_of_a_scope_reach_passages(library: Library) -> None:
    assert documents(ask(library, scope=Scope("t", field_equals={"year": 2021}))) == {SUPPLY}


@pytest.mark.parametrize("condition", [Equals("year", 2021), Not(Equals("document", LEASE))])
def test_a_document_outside_the_filter_is_not_named_to_anybody(library: Library, condition: Filter) -> None:
    assert ask(library, NAMED).resolved_document is not None
    for options in ({"filter": condition}, {"scope": ALL.narrowed(condition)}):
        result = ask(library, NAMED, context_words=1000, **options)
        assert LEASE not in documents(result)
        assert result.resolved_document is None
        assert not result.features.resolved


@pytest.mark.parametrize(
    "scope",
    [
        Scope("stranger"),
        Scope("t", groups=("nobody",), source_ids=("elsewhere",)),
        Scope("t", doc_ids=(doc_of("missing"),)),
        Scope("t", filter=Equals("year", 1)),
        Scope("t", field_equals={"year": 1}),
    ],
)
def test_no_filter_reaches_outside_of_the_scope(library: Library, scope: Scope) -> None:
    everything = Or((Exists("year"), Not(Exists("year"))))
    for condition in (everything, Not(Equals("source", "nowhere")), Equals("document", LEASE)):
        assert ask(library, NAMED, scope=scope, filter=condition, context_words=1000).passages == ()


def test_an_impossible_filter_is_refused_before_anything_is_searched(library: Library) -> None:
    with pytest.raises(SettingsError, match="zone"):
        ask(library, filter=Range("modified_at", above=datetime(2026, 3, 2)))  # noqa: DTZ001  the fault

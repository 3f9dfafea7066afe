"""From a question to passages on a real server: snapshots, places, named documents, refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from wellread.errors import ModelMismatchError, SettingsError, SystemicError
from wellread.models.embedding.local_onnx import LocalEmbedder
from wellread.models.settings import LocalModelSettings
from wellread.retrieval.packing import within_words
from wellread.retrieval.results import RetrievalResult
from wellread.retrieval.retriever import Retriever
from wellread.retrieval.settings import RetrievalSettings
from wellread.snapshots import Snapshot
from wellread.stores.protocol import Scope
from wellread.testing.index_samples import chunk_of, doc_of

if TYPE_CHECKING:
    from tests.services.retrieval.conftest import Library

pytestmark = pytest.mark.weaviate

ALL = Scope(tenant="t")
NAMED = "In the lease between Tillingham Estates and Osprey Bakery at Marrow Quay: which laws govern it?"


def ask(
    library: Library, question: str, *, settings: RetrievalSettings | None = None, **options: Any
) -> RetrievalResult:
    retriever = Retriever(library.store, library.embedder, settings)
    return retriever.retrieve(question, **{"collection": library.projection.collection, "scope": ALL, **options})


def test_a_passage_says_where_it_stands(library: Library) -> None:
    found = ask(library, "How much is the rent of the rooms?").passages[0]
    assert (found.document, found.page, found.rank) == ("contracts/lease.pdf", 2, 1)
    assert found.text == "The rent is nine hundred a month, payable on the first day."
    assert found.end_char - found.start_char == len(found.text)
    assert found.title == "Lease of rooms"


def test_passages_come_best_first_with_the_parts_of_their_scores(library: Library) -> None:
    result = ask(library, "flour price")
    scores = [passage.score for passage in result.passages]
    assert scores == sorted(scores, reverse=True)
    first = result.passages[0].signals
    assert first["fused"] + 0.6 * first["proximity"] + first["document_boost"] == pytest.approx(scores[0])
    assert result.features.top_cosine == pytest.approx(max(p.signals["cosine"] for p in result.passages))
    assert set(result.term_weights) == {"flour", "price"}


def test_a_document_that_the_question_names_comes_first_and_its_name_is_not_searched(library: Library) -> None:
    result = ask(library, NAMED)
    assert result.resolved_document is not None
    assert result.resolved_document.documents == ("contracts/lease.pdf",)
    assert "Tillingham" not in result.resolved_document.residual
    assert result.passages[0].text == "This lease is governed by the laws of Scotland."
    assert result.features.resolved
    assert "tillingham" not in result.term_weights


def test_resolution_can_be_turned_off(library: Library) -> None:
    result = ask(library, NAMED, settings=RetrievalSettings(resolve_documents=False))
    assert result.resolved_document is None


def test_neighbours_come_with_a_large_context_and_hits_in_one_document(library: Library) -> None:
    result = ask(library, NAMED, k=1, context_words=1000)
    assert [passage.neighbour_of for passage in result.passages] == [None, 1, 1]
    assert len(result.hits) == 1
    runs = within_words(result.passages, 1000)
    assert len(runs) == 1
    assert runs[0].text.splitlines()[1] == "This lease is governed by the laws of Scotland."
    assert ask(library, NAMED, k=1, context_words=900).passages == result.hits


def test_a_chunk_that_the_visible_version_does_not_list_is_not_shown(library: Library) -> None:
    library.write("notes/short.txt", "Short", ["Rye bread keeps for a week.", "Rye bread is dark."], listed=1)
    texts = [passage.text for passage in ask(library, "rye bread").passages]
    assert "Rye bread keeps for a week." in texts
    assert "Rye bread is dark." not in texts


def test_a_pinned_snapshot_keeps_showing_what_it_showed(library: Library) -> None:
    library.write("notes/oats.txt", "Oats", ["Oats are soaked overnight in cold milk."], rev_from=2)
    library.publish(2, 3)
    new = ask(library, "How are oats soaked?")
    assert new.passages[0].document == "notes/oats.txt"
    assert new.snapshot == Snapshot(3)
    old = ask(library, "How are oats soaked?", snapshot=Snapshot(2))
    assert "notes/oats.txt" not in {passage.document for passage in old.passages}
    assert old.snapshot == Snapshot(2)


def test_a_snapshot_that_was_vacuumed_is_refused(library: Library) -> None:
    library.publish(2, 5, oldest_readable=4)
    with pytest.raises(SystemicError, match="vacuumed"):
        ask(library, "bread", snapshot=Snapshot(3))


def test_another_model_is_refused_before_anything_is_searched(library: Library) -> None:
    other = LocalEmbedder(LocalModelSettings(query_prefix="query: "))
    retriever = Retriever(library.store, other)
    with pytest.raises(ModelMismatchError, match="query_prefix"):
        retriever.retrieve("bread", collection=library.projection.collection, scope=ALL)


def test_words_alone_are_searched_whatever_the_model(library: Library) -> None:
    other = LocalEmbedder(LocalModelSettings(query_prefix="query: "))
    retriever = Retriever(library.store, other)
    found = retriever.retrieve("ovens", collection=library.projection.collection, scope=ALL, mode="keyword")
    assert found.passages


def test_a_warm_retriever_notices_that_the_collection_moved_to_another_model(library: Library) -> None:
    retriever = Retriever(library.store, library.embedder, RetrievalSettings(head_cache_seconds=0))
    options: dict[str, Any] = {"collection": library.projection.collection, "scope": ALL}
    assert retriever.retrieve("ovens", **options).passages
    moved = replace(library.projection, number=2, model=replace(library.projection.model, revision="another"))
    library.store.write_head(replace(retriever.head(library.projection.collection), seq=2, projection=moved))
    with pytest.raises(ModelMismatchError, match="another"):
        retriever.retrieve("ovens", **options)


def test_a_collection_that_does_not_exist_is_named(library: Library) -> None:
    with pytest.raises(SettingsError, match="Nowhere"):
        ask(library, "bread", collection="Nowhere")


@pytest.mark.parametrize("question", ["", "  \n"])
def test_a_blank_question_is_refused(library: Library, question: str) -> None:
    with pytest.raises(SettingsError, match="blank"):
        ask(library, question)


def test_many_questions_give_what_each_gives_alone(library: Library) -> None:
    questions = [NAMED, "flour price", "How cold is the kitchen?", NAMED, "???"]
    retriever = Retriever(library.store, library.embedder)
    options: dict[str, Any] = {"collection": library.projection.collection, "scope": ALL, "context_words": 1000}
    together = retriever.retrieve_many(questions, **options)
    assert [result.question for result in together] == questions
    for question, result in zip(questions, together, strict=True):
        alone = retriever.retrieve(question, **options)
        assert [p.chunk_key for p in alone.passages] == [p.chunk_key for p in result.passages]


def test_no_question_needs_no_answer(library: Library) -> None:
    retriever = Retriever(library.store, library.embedder)
    assert retriever.retrieve_many([], collection=library.projection.collection, scope=ALL) == []


def test_a_scope_narrows_everything_that_is_read(library: Library) -> None:
    supply = replace(ALL, doc_ids=(doc_of("contracts/supply.pdf"),))
    result = ask(library, NAMED, scope=supply, context_words=1000)
    assert {passage.document for passage in result.passages} == {"contracts/supply.pdf"}
    assert result.resolved_document is None
    assert ask(library, "bread", scope=Scope(tenant="stranger")).passages == ()


def test_keyword_search_needs_no_model(library: Library) -> None:
    result = ask(library, "ovens", mode="keyword")
    assert [passage.text for passage in result.passages] == [
        "The tenant keeps the ovens in repair and insures them against fire."
    ]
    assert ask(library, "zzz", mode="keyword").passages == ()


def test_vector_search_scores_by_cosine(library: Library) -> None:
    result = ask(library, "cold kitchens", mode="vector", k=3)
    assert len(result.passages) == 3
    assert result.passages[0].document == "notes/bread.txt"
    assert result.passages[0].score == pytest.approx(result.passages[0].signals["cosine"], abs=1e-3)


def test_a_question_longer_than_the_model_reads_is_answered_all_the_same(library: Library) -> None:
    result = ask(library, "flour " * 600 + "What is the price of flour?")
    assert result.passages[0].document == "contracts/supply.pdf"


def test_counted_statistics_are_used_where_they_are_given(library: Library) -> None:
    asked: list[int] = []

    class Counted:
        chunk_count = 13

        def document_frequency(self, term: str) -> int:
            return 13 if term == "flour" else 0

    def counted(head: Any) -> Counted:
        asked.append(head.seq)
        return Counted()

    retriever = Retriever(library.store, library.embedder, term_statistics=counted)
    result = retriever.retrieve("flour price", collection=library.projection.collection, scope=ALL)
    assert asked == [1]
    assert result.term_weights["price"] > 50 * result.term_weights["flour"]


def test_two_copies_and_other_revisions_do_not_double_a_passage(library: Library) -> None:
    copy = chunk_of("Sourdough rises slowly in a cold kitchen.", "notes/bread.txt", copy=1, title="Bread")
    vector = library.embedder.embed([copy.text], kind="document").vectors[0]
    library.store.insert_chunks(library.projection, [replace(copy, vector=tuple(vector.tolist()))])
    texts = [passage.text for passage in ask(library, "sourdough").passages]
    assert texts.count("Sourdough rises slowly in a cold kitchen.") == 1

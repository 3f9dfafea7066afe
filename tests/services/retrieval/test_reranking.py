"""A reranker over a real connection as the last stage, and what is left out below a score."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import HttpUrl, SecretStr

from wellread.errors import QuotaExhaustedError, SystemicError
from wellread.models.chat.settings import RerankSettings
from wellread.models.reranking.factory import build_reranker
from wellread.models.reranking.protocol import Reranker, RerankerIdentity, RerankResult
from wellread.retrieval.results import RetrievalResult
from wellread.retrieval.retriever import Retriever
from wellread.retrieval.settings import RetrievalSettings
from wellread.stores.protocol import Scope
from wellread.testing.provider_server import Fault, ProviderServer, provider_server

if TYPE_CHECKING:
    from tests.services.retrieval.conftest import Library

pytestmark = pytest.mark.weaviate

QUESTION = "When may the landlord enter the rooms to inspect them?"


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    with provider_server() as server:
        yield server


@pytest.fixture
def served(provider: ProviderServer) -> Iterator[Reranker]:
    """The HTTP reranker at that server, four texts a request."""
    settings = RerankSettings(
        provider="http", base_url=HttpUrl(provider.url), api_key=SecretStr("any"), texts_per_request=4
    )
    reranker = build_reranker(settings)
    assert reranker is not None
    yield reranker
    reranker.close()


class Shortest:
    """Prefers short texts, and keeps what it was asked."""

    identity = RerankerIdentity("test", "shortest")
    texts_per_request = 5

    def __init__(self, *scores: float) -> None:
        self.asked: list[Sequence[str]] = []
        self._scores = scores

    def rerank(self, question: str, texts: Sequence[str]) -> RerankResult:
        self.asked.append(texts)
        return RerankResult(self._scores or tuple(-float(len(text)) for text in texts), search_units=1)

    def close(self) -> None:
        """Nothing is open."""


def ask(
    library: Library, reranker: Reranker | None, question: str = QUESTION, *, k: int = 5, **options: Any
) -> RetrievalResult:
    call = {name: options.pop(name) for name in ("mode", "rerank", "least_score") if name in options}
    retriever = Retriever(library.store, library.embedder, RetrievalSettings(**options), reranker=reranker)
    return retriever.retrieve(question, collection=library.projection.collection, scope=Scope("t"), k=k, **call)


def test_the_server_puts_passages_in_order_over_several_requests(
    library: Library, provider: ProviderServer, served: Reranker
) -> None:
    result = ask(library, served, k=13)
    assert len(result.passages) == 13
    assert provider.meter().requests_count == 4
    scores = [passage.score for passage in result.passages]
    assert scores == sorted(scores, reverse=True)
    assert scores == [passage.signals["rerank"] for passage in result.passages]
    assert result.passages[0].text.startswith("The landlord may enter")
    assert result.notes == ()


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_the_best_are_reranked_in_every_mode_and_the_others_left_out(library: Library, mode: str) -> None:
    reranker = Shortest()
    before = ask(library, None, k=4, mode=mode).passages
    after = ask(library, reranker, k=2, mode=mode, rerank_count=4)
    assert sum(map(len, reranker.asked)) == 4
    assert [p.text for p in after.passages] == sorted((p.text for p in before), key=_read_length(before))[:2]
    assert after.rerank_search_units == 1


def _read_length(passages: Sequence[Any]) -> Any:
    titles = {passage.text: passage.title for passage in passages}
    return lambda text: len(f"{titles[text]}\n{text}")


def test_never_fewer_than_asked_for_are_reranked_and_long_texts_are_cut(library: Library) -> None:
    reranker = Shortest()
    assert len(ask(library, reranker, k=7, rerank_count=1, rerank_text_chars=100).passages) == 7
    assert [len(texts) for texts in reranker.asked] == [5, 2]
    library.write("notes/long.txt", "Long", ["inspect the rooms " * 50], rev_from=1)
    reranker = Shortest()
    ask(library, reranker, k=14, rerank_text_chars=100)
    texts = [text for part in reranker.asked for text in part]
    assert max(map(len, texts)) <= 100
    long = next(text for text in texts if text.startswith("Long"))
    assert long.split()[-1] in {"inspect", "the", "rooms"}


def test_one_call_can_do_without_the_reranker(library: Library) -> None:
    reranker = Shortest()
    assert ask(library, reranker, rerank=False).passages == ask(library, None).passages
    assert reranker.asked == []


def test_proximity_may_stay_out_of_the_choice(library: Library) -> None:
    without = ask(library, Shortest(), rerank_after_proximity=False, rerank_count=5)
    plain = ask(library, None, proximity_weight=0.0)
    assert {p.chunk_key for p in without.passages} == {p.chunk_key for p in plain.passages}
    assert without.features.best_proximity > 0


def test_a_busy_reranker_is_asked_again(library: Library, provider: ProviderServer, served: Reranker) -> None:
    provider.behave(Fault(kind="rate_limited", times=2, retry_after_seconds=0.01))
    result = ask(library, served, k=2, rerank_count=2)
    assert "rerank" in result.passages[0].signals


def test_a_failing_reranker_fails_the_question_or_is_skipped_and_noted(
    library: Library, provider: ProviderServer, served: Reranker
) -> None:
    provider.behave(Fault(kind="insufficient_quota", times=2))
    with pytest.raises(QuotaExhaustedError):
        ask(library, served)
    skipped = ask(library, served, rerank_failure="skip", least_score=1e6)
    assert skipped.passages == ask(library, None).passages
    assert skipped.left_out_count == 0
    assert [note.partition(":")[0] for note in skipped.notes] == ["not reranked, QuotaExhaustedError"]


@pytest.mark.parametrize("scores", [(1.0,), (1.0, math.nan, 1.0, 1.0), (1.0,) * 5])
def test_scores_that_make_no_order_are_refused(library: Library, scores: tuple[float, ...]) -> None:
    with pytest.raises(SystemicError, match="fault of the reranker"):
        ask(library, Shortest(*scores), k=4, rerank_count=4)


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_passages_below_the_least_score_are_left_out_and_counted(library: Library, mode: str) -> None:
    everything = ask(library, None, k=50, mode=mode)
    floor = everything.passages[1].score
    some = ask(library, None, k=50, mode=mode, least_score=floor)
    assert some.passages == tuple(p for p in everything.passages if p.score >= floor)
    assert some.left_out_count == len(everything.passages) - len(some.passages) > 0
    assert some.features == everything.features
    none = ask(library, None, k=50, mode=mode, least_score=1e6)
    assert (none.passages, none.left_out_count) == ((), len(everything.passages))


def test_the_least_score_of_a_reranked_result_is_the_rerankers(library: Library) -> None:
    result = ask(library, Shortest(), k=50, least_score=-60.0)
    assert result.passages
    assert all(passage.signals["rerank"] >= -60.0 for passage in result.passages)
    assert result.left_out_count == 13 - len(result.passages) > 0


def test_passages_unlike_the_question_are_left_out(library: Library) -> None:
    floor = ask(library, None, k=50).passages[3].signals["cosine"]
    result = ask(library, None, k=50, least_cosine_ratio=floor)
    assert all(passage.signals["cosine"] >= floor for passage in result.passages)
    assert result.left_out_count + len(result.passages) == 13
    assert len(ask(library, None, k=50, mode="keyword", least_cosine_ratio=1.0).passages) > 0

"""Many texts through the limits: each embedded once, poison found, what was paid for kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.errors import AuthenticationError, RateLimitedError, SettingsError, TransientError
from wellread.models.embedding.batching import EmbedReport, embed_many, plan_requests
from wellread.models.embedding.openai_embedder import OpenAIEmbedder
from wellread.models.protocol import Embedder, EmbedderLimits, Vectors
from wellread.retries import RetrySettings
from wellread.testing.embedding_server import EmbeddingServer
from wellread.testing.provider_server import Fault

Build = Callable[..., OpenAIEmbedder]
RETRY = RetrySettings(attempts_count=3, first_wait_seconds=0.01)


class Shelf:
    """Keeps what ``on_batch`` was given, as a ledger would."""

    def __init__(self) -> None:
        self.vectors: dict[int, np.ndarray] = {}
        self.tokens = 0
        self.calls = 0

    def keep(self, indices: Sequence[int], vectors: Vectors, input_tokens: int) -> None:
        self.calls += 1
        self.tokens += input_tokens
        for index, vector in zip(indices, vectors, strict=True):
            assert index not in self.vectors, "a text came twice"
            self.vectors[index] = vector

    def run(self, embedder: Embedder, texts: Sequence[str], retry: RetrySettings = RETRY) -> EmbedReport:
        return embed_many(embedder, texts, kind="document", on_batch=self.keep, retry=retry)


def texts_of(count: int) -> list[str]:
    return [f"text number {number} " + "word " * (number % 7) for number in range(count)]


@given(
    counts=st.lists(st.integers(1, 50), max_size=60),
    texts_per_request=st.integers(1, 9),
    tokens_per_request=st.integers(50, 120),
)
def test_every_plan_keeps_the_limits_and_holds_each_text_once(
    counts: list[int], texts_per_request: int, tokens_per_request: int
) -> None:
    limits = EmbedderLimits(texts_per_request, tokens_per_request, tokens_per_text=50)
    groups = plan_requests(list(enumerate(counts)), limits)
    assert sorted(index for group in groups for index in group) == list(range(len(counts)))
    for group in groups:
        assert 1 <= len(group) <= texts_per_request
        assert sum(counts[index] for index in group) <= tokens_per_request


def test_each_text_is_paid_for_once_and_its_vector_is_its_own(build: Build, server: EmbeddingServer) -> None:
    embedder, shelf, texts = build(texts_per_request=8, concurrency=3), Shelf(), texts_of(50)
    report = shelf.run(embedder, texts)
    meter = server.meter()
    assert (meter.requests_count, meter.texts_count, report.requests, shelf.calls) == (7, 50, 7, 7)
    assert (meter.repeated_texts, report.refused) == ({}, {})
    assert meter.tokens_count == report.input_tokens == shelf.tokens
    assert meter.texts_per_request_max == 8
    for index in (0, 13, 49):
        alone = embedder.embed([texts[index]], kind="document").vectors[0]
        assert np.allclose(alone, shelf.vectors[index], atol=1e-6)


def test_no_more_requests_are_in_flight_than_allowed(build: Build, server: EmbeddingServer) -> None:
    server.behave(latency_seconds=0.05)
    Shelf().run(build(texts_per_request=1, concurrency=3), texts_of(12))
    assert server.meter().concurrency_max == 3


def test_poisoned_texts_are_found_and_their_neighbours_embedded(build: Build, server: EmbeddingServer) -> None:
    server.behave(poison=("arsenic", "hemlock"))
    texts = texts_of(32)
    texts[5] += "arsenic"
    texts[21] += "hemlock"
    shelf = Shelf()
    report = shelf.run(build(texts_per_request=32), texts)
    assert set(report.refused) == {5, 21}
    assert {error.cause for error in report.refused.values()} == {"refused"}
    assert set(shelf.vectors) == set(range(32)) - {5, 21}
    assert [t for t, n in server.meter().times_by_text.items() if n > 1] == []
    assert report.requests == server.meter().requests_count <= 2 + 2 * 2 * 5


def test_texts_that_cannot_be_sent_cost_no_request(build: Build, server: EmbeddingServer) -> None:
    report = Shelf().run(build(tokens_per_text=100), ["", " \n", "x" * 101, "\ud800", "fine"])
    causes = {index: error.cause for index, error in report.refused.items()}
    assert causes == {0: "empty", 1: "empty", 2: "too_long", 3: "bad_text"}
    assert server.meter().times_by_text == {"fine": 1}


def test_an_option_that_makes_every_text_fail_stops_the_run(build: Build, server: EmbeddingServer) -> None:
    server.behave(poison=("",))
    with pytest.raises(SettingsError, match="harmless"):
        Shelf().run(build(texts_per_request=8, concurrency=1), texts_of(64))
    assert server.meter().requests_count <= 5, "halving down to one text, and one probe"


def test_a_hiccup_is_retried_and_only_that_request_is_repeated(build: Build, server: EmbeddingServer) -> None:
    server.behave(Fault(kind="cut_after_billing", skip=2))
    shelf = Shelf()
    report = shelf.run(build(texts_per_request=10, concurrency=1), texts_of(40))
    assert len(shelf.vectors) == 40
    assert report.requests == server.meter().requests_count == 5
    assert sorted(server.meter().repeated_texts.values()) == [2] * 10


def test_a_refused_key_stops_at_once_and_what_was_answered_is_kept(build: Build, server: EmbeddingServer) -> None:
    server.behave(Fault(kind="unauthorized", skip=3, times=100))
    shelf = Shelf()
    with pytest.raises(AuthenticationError):
        shelf.run(build(texts_per_request=5, concurrency=1), texts_of(100))
    assert len(shelf.vectors) == server.meter().texts_count == 15
    assert server.meter().requests_count == 4


def test_answers_in_flight_are_kept_when_another_request_fails(build: Build, server: EmbeddingServer) -> None:
    server.behave(Fault(kind="unauthorized", skip=5, times=100), latency_seconds=0.1)
    shelf = Shelf()
    with pytest.raises(AuthenticationError):
        shelf.run(build(texts_per_request=2, concurrency=4), texts_of(60))
    assert len(shelf.vectors) == server.meter().texts_count == 10


def test_a_long_wait_asked_by_the_server_is_handed_up(build: Build, server: EmbeddingServer) -> None:
    server.behave(Fault(kind="rate_limited", retry_after_seconds=600, skip=1))
    shelf = Shelf()
    with pytest.raises(RateLimitedError) as caught:
        shelf.run(build(texts_per_request=5, concurrency=1), texts_of(20))
    assert caught.value.retry_after_seconds == 600
    assert len(shelf.vectors) == 5


def test_a_failing_on_batch_stops_the_run(build: Build, server: EmbeddingServer) -> None:
    def full_disk(indices: Sequence[int], vectors: Vectors, input_tokens: int) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        embed_many(
            build(texts_per_request=1, concurrency=1), texts_of(9), kind="document", on_batch=full_disk, retry=RETRY
        )
    assert server.meter().requests_count == 1


def test_the_retries_end(build: Build, server: EmbeddingServer) -> None:
    server.behave(Fault(kind="server_error", times=50))
    with pytest.raises(TransientError):
        Shelf().run(build(concurrency=1), texts_of(3))
    assert server.meter().requests_count == RETRY.attempts_count


def test_nothing_to_embed_is_no_request(build: Build, server: EmbeddingServer) -> None:
    assert Shelf().run(build(), []) == EmbedReport()
    assert server.meter().requests_count == 0

"""Everything that a provider can do wrong, through the official clients, over real connections."""

from __future__ import annotations

import logging
import socket

import pytest
from pydantic import HttpUrl, SecretStr

from wellread.errors import (
    AuthenticationError,
    DocumentError,
    QuotaExhaustedError,
    RateLimitedError,
    SettingsError,
    TransientError,
    WellreadError,
)
from wellread.models.embedding.cohere_embedder import CohereEmbedder
from wellread.models.embedding.openai_embedder import OpenAIEmbedder
from wellread.models.protocol import Embedder
from wellread.models.settings import CohereModelSettings, OpenAIModelSettings
from wellread.testing.embedding_server import EmbeddingServer
from wellread.testing.provider_server import Fault, FaultKind

TEXTS = ["one", "two", "three"]


def error_of(embedder: Embedder) -> WellreadError:
    with pytest.raises(WellreadError) as caught:
        embedder.embed(TEXTS, kind="document")
    return caught.value


@pytest.mark.parametrize(
    "kind",
    [
        "server_error",
        "short_answer",
        "not_a_number",
        "zero_vector",
        "truncated_json",
        "cut_before_work",
        "cut_after_billing",
    ],
)
def test_a_damaged_answer_is_transient_and_the_next_try_is_served(
    hosted_embedder: Embedder, server: EmbeddingServer, kind: FaultKind
) -> None:
    server.behave(Fault(kind=kind))
    assert type(error_of(hosted_embedder)) is TransientError
    assert len(hosted_embedder.embed(TEXTS, kind="document").vectors) == 3
    assert server.meter().requests_count == 2, "the client must not retry by itself"


def test_a_repeated_index_is_noticed(openai_embedder: OpenAIEmbedder, server: EmbeddingServer) -> None:
    server.behave(Fault(kind="repeated_index"))
    assert "1 different indexes" in str(error_of(openai_embedder))


def test_a_rate_limit_names_the_wait(hosted_embedder: Embedder, server: EmbeddingServer) -> None:
    server.behave(Fault(kind="rate_limited", retry_after_seconds=240), Fault(kind="rate_limited"))
    first, second = error_of(hosted_embedder), error_of(hosted_embedder)
    assert isinstance(first, RateLimitedError) and first.retry_after_seconds == 240
    assert isinstance(second, RateLimitedError) and second.retry_after_seconds is None
    assert server.meter().requests_count == 2


def test_an_exhausted_quota_stops_at_once(openai_embedder: OpenAIEmbedder, server: EmbeddingServer) -> None:
    server.behave(Fault(kind="insufficient_quota"))
    error = error_of(openai_embedder)
    assert isinstance(error, QuotaExhaustedError) and not error.retryable
    assert server.meter().requests_count == 1


def test_other_dimensions_than_declared_are_a_setting(hosted_embedder: Embedder, server: EmbeddingServer) -> None:
    server.behave(Fault(kind="wrong_dimensions"))
    assert isinstance(error_of(hosted_embedder), SettingsError)


def test_a_refused_text_is_the_documents_fault(hosted_embedder: Embedder, server: EmbeddingServer) -> None:
    server.behave(poison=("two",))
    error = error_of(hosted_embedder)
    assert isinstance(error, DocumentError) and (error.stage, error.cause) == ("embed", "refused")


def test_an_option_that_the_server_refuses_is_a_setting(server: EmbeddingServer) -> None:
    settings = OpenAIModelSettings(
        base_url=HttpUrl(server.openai_url),
        api_key=SecretStr("sk-loopback-4711-secret"),
        dimensions=4096,
        request_dimensions="ask",
    )
    assert isinstance(error_of(OpenAIEmbedder(settings)), SettingsError)


def test_fewer_dimensions_are_asked_for(server: EmbeddingServer) -> None:
    url, key = HttpUrl(server.openai_url), SecretStr("sk-loopback-4711-secret")
    openai = OpenAIEmbedder(OpenAIModelSettings(base_url=url, api_key=key, dimensions=32, request_dimensions="ask"))
    cohere = CohereEmbedder(
        CohereModelSettings(
            base_url=HttpUrl(server.cohere_url), api_key=key, dimensions=32, request_dimensions="ask"
        )
    )
    assert [e.embed(TEXTS, kind="query").vectors.shape for e in (openai, cohere)] == [(3, 32), (3, 32)]


def test_a_wrong_key_is_systemic_and_never_shown(server: EmbeddingServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = SecretStr("sk-wrong-key-31337")
    openai = OpenAIEmbedder(OpenAIModelSettings(base_url=HttpUrl(server.openai_url), api_key=key, dimensions=64))
    cohere = CohereEmbedder(CohereModelSettings(base_url=HttpUrl(server.cohere_url), api_key=key, dimensions=64))
    for embedder in (openai, cohere):
        error = error_of(embedder)
        assert isinstance(error, AuthenticationError)
        shown = f"{error!r} {error} {error.as_dict()} {embedder!r} {vars(embedder)} {caplog.text}"
        assert "31337" not in shown


def test_no_server_is_transient() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        key = SecretStr("any")
        openai = OpenAIEmbedder(OpenAIModelSettings(base_url=HttpUrl(f"{address}/v1"), api_key=key))
        cohere = CohereEmbedder(CohereModelSettings(base_url=HttpUrl(address), api_key=key))
        assert isinstance(error_of(openai), TransientError)
        assert isinstance(error_of(cohere), TransientError)


def test_a_stalled_server_is_given_up_after_the_timeout(server: EmbeddingServer) -> None:
    server.behave(latency_seconds=3.0)
    key = SecretStr("sk-loopback-4711-secret")
    openai = OpenAIEmbedder(
        OpenAIModelSettings(base_url=HttpUrl(server.openai_url), api_key=key, timeout_seconds=0.2)
    )
    cohere = CohereEmbedder(
        CohereModelSettings(base_url=HttpUrl(server.cohere_url), api_key=key, timeout_seconds=0.2)
    )
    assert isinstance(error_of(openai), TransientError)
    assert isinstance(error_of(cohere), TransientError)


def test_a_missing_key_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "CO_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert "OPENAI_API_KEY" in str(error_of(OpenAIEmbedder()))
    assert "CO_API_KEY" in str(error_of(CohereEmbedder()))
    assert isinstance(error_of(OpenAIEmbedder()), SettingsError)


def test_too_many_texts_at_once_are_not_sent(hosted_embedder: Embedder, server: EmbeddingServer) -> None:
    with pytest.raises(ValueError, match="one request takes"):
        hosted_embedder.embed(["word"] * (hosted_embedder.limits.texts_per_request + 1), kind="document")
    assert server.meter().requests_count == 0

"""Where rerank servers differ: Text Embeddings Inference, Jina, keys, and what a setting can be blamed for."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr

from wellread.errors import QuotaExhaustedError, SettingsError
from wellread.models.chat.settings import RerankSettings
from wellread.models.reranking.cohere_reranker import CohereReranker
from wellread.models.reranking.factory import build_reranker
from wellread.models.reranking.http_reranker import HttpReranker
from wellread.models.reranking.protocol import RerankerIdentity

TEXTS = ["about mills", "about rivers"]


def http_reranker(url: str, **options: object) -> HttpReranker:
    return HttpReranker(RerankSettings.model_validate({"provider": "http", "base_url": HttpUrl(url), **options}))


def test_a_server_that_misses_texts_gets_them_from_then_on(scripted: Any) -> None:
    missing = b"Failed to deserialize the JSON body into the target type: missing field `texts` at line 1 column 70"
    scripted.answer(missing, 422)
    scripted.answer([{"index": 1, "score": 0.99}, {"index": 0, "score": -4.5}])
    scripted.answer([{"index": 0, "score": 0.7}, {"index": 1, "score": 0.1}])
    reranker = http_reranker(scripted.url)
    assert reranker.rerank("which?", TEXTS).scores == (-4.5, 0.99)
    assert reranker.rerank("which?", TEXTS).scores == (0.7, 0.1)
    assert len(scripted.requests) == 3
    assert scripted.bodies[1] == {"query": "which?", "texts": TEXTS, "truncate": True}
    assert scripted.bodies[2] == scripted.bodies[1]


def test_a_server_that_goes_on_missing_them_is_asked_twice_only(scripted: Any) -> None:
    for _ in range(3):
        scripted.answer(b"missing field `texts`", 422)
    with pytest.raises(Exception, match="missing field"):
        http_reranker(scripted.url).rerank("which?", TEXTS)
    assert len(scripted.requests) == 2


def test_a_prefix_of_the_address_is_kept_and_no_key_is_sent_unless_given(
    scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CO_API_KEY", "for-cohere-only")
    scripted.answer({"results": [{"index": 0, "relevance_score": 1}, {"index": 1, "relevance_score": 0}]})
    assert http_reranker(f"{scripted.url}/v1/").rerank("which?", TEXTS).scores == (1.0, 0.0)
    assert scripted.requests[0].path == "/v1/rerank"
    assert "authorization" not in scripted.requests[0].headers


def test_a_batch_too_large_for_the_server_is_a_setting(scripted: Any) -> None:
    scripted.answer({"error": "batch size 100 > maximum allowed batch size 32", "error_type": "Validation"}, 413)
    with pytest.raises(SettingsError, match="texts_per_request"):
        http_reranker(scripted.url).rerank("which?", TEXTS)


def test_a_trial_key_out_of_calls_is_a_quota_not_a_rate(scripted: Any) -> None:
    words = "You are using a Trial key, which is limited to 1000 API calls / month."
    scripted.answer({"message": words}, 429)
    settings = RerankSettings(provider="cohere", base_url=HttpUrl(scripted.url), api_key=SecretStr("k"))
    with pytest.raises(QuotaExhaustedError):
        CohereReranker(settings).rerank("which?", TEXTS)


def test_a_missing_key_and_a_missing_address_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CO_API_KEY", raising=False)
    with pytest.raises(SettingsError, match="CO_API_KEY"):
        CohereReranker(RerankSettings(provider="cohere")).rerank("which?", TEXTS)
    with pytest.raises(SettingsError, match="base_url"):
        build_reranker(RerankSettings(provider="http"))


def test_no_provider_is_no_reranker_and_identities_name_what_scores_depend_on() -> None:
    assert build_reranker(RerankSettings()) is None
    cohere = build_reranker(RerankSettings(provider="cohere", model="rerank-v4"))
    assert cohere is not None and cohere.identity == RerankerIdentity("cohere", "rerank-v4")
    assert http_reranker("http://127.0.0.1:9", model="m").identity == RerankerIdentity("http", "m")

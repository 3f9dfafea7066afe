"""A price is what the deployment states or the list holds for that very address; never a guess and never zero."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from wellread.models.chat.protocol import ChatUsage
from wellread.models.chat.settings import ChatModelSettings
from wellread.models.prices import Price, Rates, find_embedding_price, find_price

AT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


def settings(**given: object) -> ChatModelSettings:
    return ChatModelSettings.model_validate({"provider": "openai", **given})


def test_the_settings_own_price_wins_and_says_so() -> None:
    stated = {"input_usd_per_million": 2, "output_usd_per_million": 8, "batch_ratio": 0.25}
    price = find_price(settings(model="gpt-4o-mini", preset="vllm", price=stated))
    assert price is not None and price.source == "settings"
    usage = ChatUsage(input_tokens=1_000_000, output_tokens=500_000, cached_input_tokens=400_000)
    assert price.cost_usd(usage) == Decimal(6)
    assert price.cost_usd(usage, is_batch=True) == Decimal("1.5")


def test_cached_input_has_its_own_price() -> None:
    stated = {"input_usd_per_million": 2, "output_usd_per_million": 0, "cached_input_usd_per_million": 0.5}
    price = find_price(settings(price=stated))
    assert price is not None
    assert price.cost_usd(ChatUsage(input_tokens=1_000_000, cached_input_tokens=600_000)) == Decimal("1.1")
    assert price.cost_usd(ChatUsage(input_tokens=10, cached_input_tokens=99)) == Decimal("0.000005")


def test_the_list_knows_openais_models_and_their_batches() -> None:
    price = find_price(settings(model="gpt-4o-mini-2024-07-18"), at=AT)
    assert price is not None and price.source.startswith("genai-prices 0.")
    usage = ChatUsage(input_tokens=1_000_000, output_tokens=1_000_000)
    assert price.cost_usd(usage) == Decimal("0.75")
    assert price.cost_usd(usage, is_batch=True) == Decimal("0.375")


def test_above_a_threshold_all_tokens_cost_more() -> None:
    price = find_price(settings(provider="anthropic", model="claude-sonnet-4-5"), at=AT)
    assert price is not None
    assert price.cost_usd(ChatUsage(input_tokens=200_000)) == Decimal("0.6")
    assert price.cost_usd(ChatUsage(input_tokens=200_001)) > Decimal("1.2")


def test_a_range_holds_what_any_request_in_it_costs() -> None:
    price = Price((Rates(Decimal(1), Decimal(2), Decimal(1)),), (), "test")
    low, high = price.range_usd(
        input_tokens_low=100, input_tokens_high=200, output_tokens_low=0, output_tokens_high=50
    )
    assert (low, high) == (Decimal("0.0001"), Decimal("0.0003"))


@pytest.mark.parametrize(
    "given",
    [
        {"model": "no-such-model"},
        {"model": "gpt-4o-mini", "preset": "vllm"},
        {"model": "gpt-4o-mini", "preset": "ollama"},
        {"model": "gpt-4o-mini", "preset": "llama-cpp"},
        {"model": "gpt-4o-mini", "preset": "modal", "base_url": "https://mine--app.modal.run"},
        {"model": "gpt-4o-mini", "base_url": "http://127.0.0.1:8000/v1"},
        {"model": "gpt-4o-mini", "base_url": "http://localhost:8000/v1"},
        {"model": "gpt-4o-mini", "base_url": "http://10.0.0.5/v1"},
        {"model": "gpt-4o-mini", "base_url": "https://models.example.com/v1"},
        {"provider": "cohere", "model": "command-a", "base_url": "http://127.0.0.1:9"},
        {"provider": "replicate", "model": "meta/meta-llama-3-70b-instruct"},
        {"provider": None},
    ],
)
def test_what_nobody_knows_has_no_price(given: dict[str, object]) -> None:
    assert find_price(settings(**given), at=AT) is None


def test_a_server_named_by_the_environment_is_not_taken_for_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
    assert find_price(settings(model="gpt-4o-mini"), at=AT) is None


def test_presets_are_priced_by_their_own_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com")
    direct = find_price(settings(model="gpt-4o-mini"), at=AT)
    assert find_price(settings(model="gpt-4o-mini", preset="azure"), at=AT) is not None
    assert find_price(settings(model="gpt-4o-mini", preset="helicone"), at=AT) == direct


def test_cohere_and_anthropic_are_priced() -> None:
    for provider, model in (("cohere", "command-r-plus"), ("anthropic", "claude-sonnet-4-5")):
        price = find_price(settings(provider=provider, model=model), at=AT)
        assert price is not None and price.cost_usd(ChatUsage(input_tokens=1000, output_tokens=1000)) > 0


def test_embeddings_are_priced_by_their_input() -> None:
    price = find_embedding_price("openai", "text-embedding-3-small", at=AT)
    assert price is not None
    assert price.cost_usd(ChatUsage(input_tokens=1_000_000)) == Decimal("0.02")
    assert find_embedding_price("cohere", "embed-v4.0", at=AT) is not None
    assert find_embedding_price("cohere", "no-such-model", at=AT) is None
    assert find_embedding_price("local", "all-MiniLM-L6-v2", at=AT) is None

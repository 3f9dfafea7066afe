"""`wellread doctor` on language models, rerankers and what their workers share: what is wrong is said, once."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wellread.testing.provider_server import Fault, ProviderServer, RateLimits, provider_server
from wellread.workspace import Workspace
from wellread.workspace.examining import Finding, examine_models

SECRET = "s3cret-key"


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    with provider_server(api_key=SECRET, limits=RateLimits(requests_per_window=500)) as server:
        yield server


def examined(*, ask_models: bool = False, **settings: Any) -> dict[str, Finding]:
    with Workspace.open(settings) as workspace:
        found = examine_models(workspace, ask_models=ask_models)
    assert SECRET not in repr(found)
    names = [finding.what for finding in found]
    assert len(names) == len(set(names))
    return {finding.what: finding for finding in found}


def wrong(found: dict[str, Finding]) -> set[str]:
    return {name for name, finding in found.items() if not finding.ok}


def chat(server: ProviderServer, name: str = "openai", **more: Any) -> dict[str, Any]:
    url = server.openai_url if name in {"openai", "replicate"} else server.url
    return {"provider": name, "model": "maker/model", "base_url": url, "api_key": SECRET, **more}


def test_without_a_language_model_nothing_is_missing() -> None:
    found = examined()
    assert wrong(found) == set()
    assert "extractive" in found["language model"].found
    assert set(found) == {"language model", "reranker", "Redis"}


@pytest.mark.parametrize("name", ["openai", "cohere", "anthropic", "replicate"])
def test_nothing_is_sent_to_a_model_unless_it_may_be_paid(provider: ProviderServer, name: str) -> None:
    rerank = {"provider": "cohere", "base_url": provider.url, "api_key": SECRET}
    found = examined(chat=chat(provider, name), rerank=rerank)
    assert wrong(found) == set()
    assert provider.requests() == []
    assert found["language model"].found.startswith(f"maker/model ({name}) at http://127.0.0.1:")

    asked = examined(chat=chat(provider, name), rerank=rerank, ask_models=True)
    assert wrong(asked) == set()
    assert "tokens in" in asked["language model: asked"].found
    assert "scores" in asked["reranker"].found
    assert provider.meter().requests_count == 2


def test_a_reply_tells_the_price_and_the_limits_of_the_account(provider: ProviderServer) -> None:
    price = {"input_usd_per_million": 1.0, "output_usd_per_million": 4.0}
    found = examined(chat=chat(provider, price=price), ask_models=True)
    assert "1 and 4; in batches 0.5 and 2 US dollars" in found["language model: price"].found
    assert "by settings" in found["language model: price"].found
    assert ", $0.0000" in found["language model: asked"].found
    assert "500 requests" in found["language model: asked"].found


def test_documents_beside_the_messages_are_tried_as_they_will_be_sent(provider: ProviderServer) -> None:
    found = examined(chat=chat(provider, "cohere", grounding="documents"), ask_models=True)
    assert wrong(found) == set()
    assert found["prompts"].found.startswith("answer_from_documents ")
    (request,) = provider.requests()
    assert "documents" in str(request.body)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(kind="unauthorized"), "401"),
        (Fault(kind="invalid_json"), "no JSON"),
        (Fault(kind="off_schema"), "breaks the rule"),
        (Fault(kind="length"), "cut at the output limit"),
        (Fault(kind="refusal"), "declined"),
    ],
)
def test_a_model_that_answers_badly_is_found(provider: ProviderServer, fault: Fault, words: str) -> None:
    provider.behave(fault)
    found = examined(chat=chat(provider), ask_models=True)
    assert wrong(found) == {"language model: asked"}
    assert words in str(found["language model: asked"])


@pytest.mark.parametrize(
    ("settings", "part", "words"),
    [
        ({"provider": "openai"}, "language model", "OPENAI_API_KEY"),
        ({"provider": "anthropic", "model": "m"}, "language model", "ANTHROPIC_API_KEY"),
        ({"provider": "replicate", "model": "a/b"}, "language model", "REPLICATE_API_TOKEN"),
        ({"provider": "openai", "preset": "databricks"}, "language model", "DATABRICKS_HOST"),
        ({"provider": "cohere", "model": "m", "api_key": "two\nlines"}, "language model", "plain ASCII"),
        (
            {"provider": "openai", "api_key": "k", "grounding": "documents"},
            "language model",
            "grounding: messages",
        ),
        (
            {"provider": "openai", "api_key": "k", "tokenizer_file": "/nowhere/tokenizer.json"},
            "language model: tokens",
            "tokenizer.json",
        ),
    ],
)
def test_a_configuration_that_cannot_work_is_found_before_it_is_paid(
    settings: dict[str, Any], part: str, words: str
) -> None:
    found = examined(chat=settings)
    assert part in wrong(found)
    assert words in str(found[part])


def test_a_missing_package_is_named_with_its_extra(
    provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    find: Callable[..., Any] = importlib.util.find_spec
    gone = {"anthropic", "genai_prices"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name in gone else find(name, *rest)
    )
    found = examined(chat=chat(provider, "anthropic"))
    assert "wellread-airflow[anthropic]" in found["language model"].remedy
    assert "wellread-airflow[prices]" in found["language model: price"].found


def test_fallbacks_the_cheaper_model_and_the_judge_are_examined_too(provider: ProviderServer) -> None:
    broken = {"provider": "anthropic", "model": "m"}
    settings = chat(provider, fallbacks=[broken, chat(provider, "cohere")], degraded=broken)
    found = examined(chat=settings, evaluation={"judge": broken})
    assert wrong(found) == {"fallback 1", "cheaper model", "judge"}


def test_a_budget_that_bounds_nothing_is_found(provider: ProviderServer) -> None:
    def of(**budget: Any) -> dict[str, Finding]:
        return examined(chat=chat(provider), answering={"budget": budget})

    assert wrong(of(run_usd=5)) == {"language model: price"}
    assert "state it" in of(run_usd=5)["language model: price"].remedy.lower()
    price = {"input_usd_per_million": 1, "output_usd_per_million": 2}
    priced = chat(provider, price=price)
    degrade = examined(chat=priced, answering={"budget": {"run_usd": 5, "on_budget": "degrade"}})
    defer = examined(chat=priced, answering={"budget": {"run_usd": 5, "on_budget": "defer"}})
    assert wrong(degrade) == wrong(defer) == {"budget"}
    right = examined(chat=priced, answering={"budget": {"run_usd": 5, "day_usd": 50, "on_budget": "defer"}})
    assert right["budget"].found == "$5 a run, $50 a day; then defer"


def test_batches_are_told_with_what_a_crash_costs(provider: ProviderServer) -> None:
    batches = "language model: batches"
    assert "can be found again" in examined(chat=chat(provider))[batches].found
    assert "cannot be found again" in examined(chat=chat(provider, "anthropic"))[batches].found
    found = examined(chat=chat(provider, "cohere"), answering={"mode": "batch"})
    assert wrong(found) == {batches}


def test_prompts_are_loaded_and_named_with_their_hash(provider: ProviderServer, tmp_path: Path) -> None:
    packaged = examined(chat=chat(provider))["prompts"]
    assert "answer_with_quotes 2 of the package, SHA-256 " in packaged.found
    front = "---\nname: short\nversion: 7\nvariables: [question, evidence]\n"
    body = "---\n# user\n{{ evidence }} {{ question }}\n"
    path = tmp_path / "short.md"
    path.write_text(front + "schema: answer_with_quotes\n" + body, "utf-8")
    settings = {"prompt": {"name": "short", "folder": tmp_path}}
    own = examined(chat=chat(provider), answering=settings)["prompts"]
    assert own.ok
    assert f"short 7 in {tmp_path}, SHA-256 " in own.found
    path.write_text(front + body, "utf-8")
    assert "no schema" in examined(chat=chat(provider), answering=settings)["prompts"].found
    path.write_text(front + "schema: answer_with_quotes\n---\n# user\n{{ question }}\n", "utf-8")
    assert wrong(examined(chat=chat(provider), answering=settings)) == {"prompts"}


def test_the_fence_key_is_shared_or_this_homes_own(provider: ProviderServer) -> None:
    assert "this home's own" in examined(chat=chat(provider))["fence key"].found
    shared = {"prompt": {"fence_key": SECRET * 3}}
    assert "all machines" in examined(chat=chat(provider), answering=shared)["fence key"].found


@pytest.mark.redis
def test_redis_is_asked_and_named_without_its_password(provider: ProviderServer, redis_url: str) -> None:
    password = redis_url.partition("@")[0].rpartition(":")[2]
    found = examined(chat=chat(provider), coordination={"redis_url": redis_url, "cache": "redis"})
    assert wrong(found) == set()
    assert "keeps rates and responses" in found["Redis"].found
    assert "in Redis" in found["rate limits"].found
    refused = examined(chat=chat(provider), coordination={"redis_url": redis_url.replace(password, "wrong")})
    assert wrong(refused) == {"rate limits", "Redis"}
    assert all(password not in str(dataclasses.asdict(one)) for one in (*found.values(), *refused.values()))


def test_a_redis_that_is_wanted_and_not_named_or_not_there_is_found(provider: ProviderServer) -> None:
    assert wrong(examined(chat=chat(provider), coordination={"cache": "redis"})) == {"Redis"}
    assert wrong(examined(chat=chat(provider), coordination={"rate_limits": "redis"})) == {"rate limits", "Redis"}
    nobody = {"redis_url": "redis://127.0.0.1:1/0", "rate_limits": "memory"}
    assert wrong(examined(chat=chat(provider), coordination=nobody)) == {"Redis"}


@pytest.mark.postgres
def test_rates_of_a_ledger_on_postgres_are_shared(provider: ProviderServer, postgres_url: str) -> None:
    found = examined(chat=chat(provider), ledger={"url": postgres_url})
    assert wrong(found) == set()
    assert "in the ledger" in found["rate limits"].found
    assert "memory of each process" in examined(chat=chat(provider))["rate limits"].found


@pytest.mark.parametrize(
    ("rerank", "words"),
    [({"provider": "http"}, "no base_url"), ({"provider": "cohere"}, "CO_API_KEY")],
)
def test_a_reranker_that_cannot_be_asked_is_found(rerank: dict[str, Any], words: str) -> None:
    found = examined(rerank=rerank)
    assert wrong(found) == {"reranker"}
    assert words in str(found["reranker"])


def test_a_judge_alone_makes_no_language_model_that_answers(provider: ProviderServer) -> None:
    found = examined(evaluation={"judge": chat(provider, "cohere")}, answering={"budget": {"run_usd": 5}})
    assert wrong(found) == set()
    assert "extractive" in found["language model"].found
    assert "fence key" not in found

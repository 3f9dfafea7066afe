"""The provider server keeps rate limits of its own: what it lets through never exceeds limit and burst."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from wellread.testing.prompt_samples import chat_messages
from wellread.testing.provider_server import ProviderServer, RateLimits, provider_server
from wellread.testing.providers.limits import RateLimiter, go_duration, limit_headers


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def most_in_a_window(moments: list[float], window_seconds: float) -> int:
    return max(sum(start <= at < start + window_seconds for at in moments) for start in moments)


def test_a_rested_key_sends_its_burst_and_then_the_even_rate() -> None:
    clock = Clock()
    limiter = RateLimiter(RateLimits(requests_per_window=60, requests_burst=5), clock=clock)
    assert [limiter.admit("a", 1).wait_seconds for _ in range(6)] == [0, 0, 0, 0, 0, pytest.approx(1.0)]
    assert limiter.admit("b", 1).wait_seconds == 0  # another key's own
    clock.now += 1.0
    assert [limiter.admit("a", 1).wait_seconds for _ in range(2)] == [0, pytest.approx(1.0)]


def test_no_window_holds_more_than_limit_and_burst() -> None:
    clock = Clock()
    limits = RateLimits(requests_per_window=20, requests_burst=7, window_seconds=2.0)
    limiter = RateLimiter(limits, clock=clock)
    for _ in range(2000):
        limiter.admit("a", 1)
        clock.now += 0.01
    moments = [one.at_seconds for one in limiter.admissions()]
    assert len(moments) >= 200
    assert most_in_a_window(moments, 2.0) <= 27


def test_tokens_are_taken_with_the_request_or_not_at_all() -> None:
    clock = Clock()
    limiter = RateLimiter(RateLimits(requests_per_window=10, tokens_per_window=600), clock=clock)
    assert limiter.admit("a", 500).wait_seconds == 0
    refused = limiter.admit("a", 200)
    assert refused.wait_seconds == pytest.approx(10.0)
    assert {level.name: level.remaining for level in refused.levels} == {"requests": 9, "tokens": 100}
    assert limiter.admit("a", 601).wait_seconds == float("inf")
    assert [one.tokens for one in limiter.admissions()] == [500]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.012, "12ms"), (0.0, "0ms"), (8.64, "8.64s"), (360.0, "6m0s"), (61.5, "1m1.5s")]
)
def test_spans_are_written_as_openai_writes_them(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text


def test_no_limits_are_told_where_there_are_none() -> None:
    assert limit_headers(RateLimiter(RateLimits()).admit("a", 1)) == {}


def test_a_refusal_is_counted_names_the_wait_and_costs_nothing(openai_of: Any) -> None:
    import openai

    with provider_server(limits=RateLimits(requests_per_window=60, requests_burst=1)) as server:
        client = openai_of(server)
        raw = client.chat.completions.with_raw_response.create(model="m", messages=chat_messages())
        assert raw.headers["x-ratelimit-limit-requests"] == "60"
        assert raw.headers["x-ratelimit-remaining-requests"] == "0"
        assert "x-ratelimit-limit-tokens" not in raw.headers
        with pytest.raises(openai.RateLimitError) as raised:
            client.chat.completions.create(model="m", messages=chat_messages())
        assert raised.value.code == "rate_limit_exceeded"
        assert int(raised.value.response.headers["retry-after"]) == 1
        assert 0 < int(raised.value.response.headers["retry-after-ms"]) <= 1000
        meter = server.meter()
        assert (meter.billed_count, meter.refused_count, len(server.admissions())) == (1, 1, 1)
        assert openai_of(server, api_key="another").embeddings.create(model="m", input="x").data


def test_anthropics_headers_are_its_own() -> None:
    import anthropic

    with provider_server(limits=RateLimits(requests_per_window=50, tokens_per_window=5000)) as server:
        client = anthropic.Anthropic(api_key="k", base_url=server.url, max_retries=0)
        raw = client.messages.with_raw_response.create(model="m", max_tokens=90, messages=[chat_messages()[1]])
    assert raw.headers["anthropic-ratelimit-requests-remaining"] == "49"
    asked = raw.parse().usage.input_tokens + 90
    assert raw.headers["anthropic-ratelimit-tokens-remaining"] == str(5000 - asked)
    assert raw.headers["anthropic-ratelimit-tokens-reset"].endswith("Z")


def test_many_at_once_are_held_to_the_limit(openai_of: Any) -> None:
    import openai

    async def all_statuses(server: ProviderServer) -> list[int]:
        async with openai.AsyncOpenAI(base_url=server.openai_url, api_key="k", max_retries=0) as client:

            async def status() -> int:
                try:
                    await client.chat.completions.create(model="m", messages=chat_messages())
                except openai.RateLimitError:
                    return 429
                return 200

            return await asyncio.gather(*(status() for _ in range(60)))

    limits = RateLimits(requests_per_window=30, requests_burst=10, window_seconds=3600)
    with provider_server(limits=limits) as server:
        server.behave(latency_seconds=0.2)  # long enough for all of them to be in work together
        statuses = asyncio.run(all_statuses(server))
        meter = server.meter()
    assert statuses.count(200) == meter.billed_count == 10
    assert meter.refused_count == meter.statuses[429] == 50
    assert 1 < meter.concurrency_max <= 60


def test_the_context_window_is_kept_in_each_providers_words() -> None:
    import anthropic
    import cohere
    import openai

    asked = [{"role": "user", "content": "word " * 400}]
    with provider_server(context_tokens=500) as server:
        with pytest.raises(openai.BadRequestError) as raised:
            client = openai.OpenAI(base_url=server.openai_url, api_key="k", max_retries=0)
            client.chat.completions.create(model="m", messages=asked)
        assert raised.value.code == "context_length_exceeded"
        with pytest.raises(anthropic.BadRequestError, match="prompt is too long"):
            other = anthropic.Anthropic(api_key="k", base_url=server.url, max_retries=0)
            other.messages.create(model="m", max_tokens=5, messages=asked)
        with pytest.raises(cohere.BadRequestError, match="too many tokens"):
            cohere.ClientV2(api_key="k", base_url=server.url).chat(model="m", messages=asked)
        assert server.meter().billed_count == 0

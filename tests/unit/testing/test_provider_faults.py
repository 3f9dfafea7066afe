"""The provider server fails as planned: by position, text, path or rate, in each protocol's own words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from wellread.testing.prompt_samples import ANSWER, chat_messages
from wellread.testing.provider_server import Fault, FaultKind, FaultRate, ProviderServer

USER = [chat_messages()[1]]


def plain(client: Any) -> str:
    return client.chat.completions.create(model="m", messages=chat_messages()).choices[0].message.content


def status_of(call: Callable[[], object]) -> int:
    """The HTTP status of a call; 0 where the connection broke."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - three clients, three families of errors
        return int(getattr(error, "status_code", 0) or 0)
    return 200


@pytest.mark.parametrize(
    ("kind", "openai", "cohere", "anthropic"),
    [
        ("rate_limited", 429, 429, 429),
        ("server_error", 500, 500, 500),
        ("overloaded", 503, 503, 529),
        ("unauthorized", 401, 401, 401),
        ("insufficient_quota", 429, 402, 402),
        ("context_too_long", 400, 400, 400),
        ("cut_before_work", 0, 0, 0),
    ],
)
def test_a_failing_request_costs_nothing(
    server: ProviderServer,
    client: Any,
    cohere_client: Any,
    anthropic_client: Any,
    kind: FaultKind,
    openai: int,
    cohere: int,
    anthropic: int,
) -> None:
    server.behave(Fault(kind=kind, times=3))
    options = {"max_retries": 0}
    assert status_of(lambda: plain(client)) == openai
    assert status_of(lambda: cohere_client.chat(model="m", messages=USER, request_options=options)) == cohere
    assert status_of(lambda: anthropic_client.messages.create(model="m", max_tokens=9, messages=USER)) == anthropic
    meter = server.meter()
    assert (meter.billed_count, meter.answered_count, meter.requests_count) == (0, 0, 3)
    assert plain(client) == f"{ANSWER} [2]"


@pytest.mark.parametrize(
    ("kind", "code"),
    [("insufficient_quota", "insufficient_quota"), ("context_too_long", "context_length_exceeded")],
)
def test_openais_codes_are_sent(server: ProviderServer, client: Any, kind: FaultKind, code: str) -> None:
    import openai

    server.behave(Fault(kind=kind))
    with pytest.raises(openai.APIStatusError) as raised:
        plain(client)
    assert raised.value.code == code


def test_a_wait_is_asked_for_in_seconds_in_milliseconds_or_not_at_all(server: ProviderServer, client: Any) -> None:
    import openai

    server.behave(
        Fault(kind="rate_limited", retry_after_seconds=2.5),
        Fault(kind="rate_limited", retry_after_ms=120),
        Fault(kind="server_error"),
    )
    waits = []
    for _ in range(3):
        with pytest.raises(openai.APIStatusError) as raised:
            plain(client)
        headers = raised.value.response.headers
        waits.append((headers.get("retry-after"), headers.get("retry-after-ms")))
    assert waits == [("2.5", None), (None, "120"), (None, None)]


def test_an_answer_that_never_arrives_was_billed(server: ProviderServer, client: Any) -> None:
    import openai

    server.behave(Fault(kind="cut_after_billing"))
    with pytest.raises(openai.APIConnectionError):
        plain(client)
    assert server.meter().billed_count == 1
    plain(client)
    (row,) = server.meter().repeated.values()
    assert row.times == 2
    assert [one.status for one in server.requests()] == [0, 200]


def test_damaged_answers_are_sent_with_success(server: ProviderServer, client: Any, ask: Any) -> None:
    server.behave(Fault(kind="truncated_json"), Fault(kind="empty_choices"), Fault(kind="invalid_json"))
    with pytest.raises(json.JSONDecodeError):
        plain(client)
    assert client.chat.completions.create(model="m", messages=USER).choices == []
    with pytest.raises(json.JSONDecodeError):
        json.loads(ask())
    server.behave(Fault(kind="off_schema"))
    assert json.loads(ask()) == {"unexpected": True}
    assert server.meter().billed_count == server.meter().answered_count == 4


def test_models_stop_early_or_refuse(
    server: ProviderServer, client: Any, cohere_client: Any, anthropic_client: Any
) -> None:
    def finishes() -> list[str]:
        completion = client.chat.completions.create(model="m", messages=USER).choices[0]
        response = client.responses.create(model="m", input="x")
        cohere = cohere_client.chat(model="m", messages=USER)
        message = anthropic_client.messages.create(model="m", max_tokens=99, messages=USER)
        refusal = completion.message.refusal or completion.finish_reason
        part = response.output[0].content[0].type
        return [refusal, response.status, part, cohere.finish_reason, message.stop_reason]

    server.behave(Fault(kind="length", times=4))
    assert finishes() == ["length", "incomplete", "output_text", "MAX_TOKENS", "max_tokens"]
    server.behave(Fault(kind="refusal", times=4))
    assert finishes() == ["I cannot help with that.", "completed", "refusal", "ERROR_TOXIC", "refusal"]


def test_a_slow_request_is_late_and_others_are_not_held_up(server: ProviderServer, client: Any) -> None:
    import openai

    server.behave(Fault(kind="slow", delay_seconds=20.0, match="QUARTZ"))
    with pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "QUARTZ"}], timeout=0.2)
    assert plain(client) == f"{ANSWER} [2]"
    assert [one.status for one in server.requests()] == [None, 200]  # the first is still in work


def test_a_fault_by_text_counts_only_the_requests_that_it_fits(server: ProviderServer, client: Any) -> None:
    server.behave(
        Fault(kind="server_error", match='naïve "q"', skip=1, times=2), Fault(kind="rate_limited", skip=4)
    )

    def status(text: str) -> int:
        asked = [{"role": "user", "content": text}]
        return status_of(lambda: client.chat.completions.create(model="m", messages=asked))

    fitting = 'a naïve "q"'
    assert [status(text) for text in ("x", fitting, "x", fitting, fitting, fitting, "x", "x")] == [
        200, 200, 200, 500, 500, 200, 429, 200,
    ]  # fmt: skip


def test_a_fault_by_path_hits_reading_requests_too(server: ProviderServer, client: Any) -> None:
    server.behave(Fault(kind="server_error", path="/models"))
    assert status_of(client.models.list) == 500
    assert status_of(client.models.list) == 200
    server.behave(Fault(kind="server_error"))
    assert status_of(client.models.list) == 200  # a position is a POST's
    assert status_of(lambda: plain(client)) == 500


def test_rates_are_met_and_drawn_from_the_seed(server: ProviderServer, client: Any) -> None:
    rates = (FaultRate(kind="rate_limited", ratio=0.3), FaultRate(kind="server_error", ratio=0.05))

    def statuses(seed: int) -> list[int]:
        server.behave(rates=rates, seed=seed)
        return [status_of(lambda: plain(client)) for _ in range(300)]

    first = statuses(7)
    counts = Counter(first)
    assert 60 <= counts[429] <= 120
    assert 5 <= counts[500] <= 30
    assert statuses(7) == first
    assert statuses(8) != first

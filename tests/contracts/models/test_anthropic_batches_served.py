"""Anthropic's message batches through the official client, on the testing server: a whole life and its faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import HttpUrl, SecretStr

from wellread.models.chat.anthropic_chat import AnthropicChat
from wellread.models.chat.protocol import BatchItem, ChatMessage, ChatRequest
from wellread.models.chat.settings import ChatModelSettings
from wellread.testing.provider_server import BatchFault, BatchFaultKind, ProviderServer, provider_server

REQUESTS = [
    (f"row-{n}", ChatRequest((ChatMessage("user", f"Question: how many mills has river {n}?"),))) for n in range(6)
]


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with provider_server() as running:
        yield running


@pytest.fixture
def chat(server: ProviderServer) -> Iterator[AnthropicChat]:
    settings = ChatModelSettings(
        provider="anthropic", model="claude-haiku", base_url=HttpUrl(server.url), api_key=SecretStr("any")
    )
    chat = AnthropicChat(settings)
    yield chat
    chat.close()


def run(chat: AnthropicChat) -> list[BatchItem]:
    assert chat.batches is not None
    batch_id = chat.batches.submit(REQUESTS, submission_key="key")
    progress = chat.batches.progress(batch_id)
    assert (progress.state, progress.total_count) == ("ended", len(REQUESTS))
    return list(chat.batches.results(batch_id))


def test_every_request_has_its_result_and_is_billed_once(chat: AnthropicChat, server: ProviderServer) -> None:
    items = {item.custom_id: item for item in run(chat)}
    assert items.keys() == dict(REQUESTS).keys()
    for custom_id, item in items.items():
        assert item.body is not None, custom_id
        usage = chat.read(item.body).usage
        assert 0 < usage.input_tokens <= chat.count_request(dict(REQUESTS)[custom_id])
    meter = server.meter()
    assert (meter.billed_count, meter.repeated) == (len(REQUESTS), {})


@pytest.mark.parametrize(
    ("kind", "with_body"),
    [("out_of_order", 6), ("duplicated", 7), ("missing", 5), ("failed_line", 5), ("expired", None), ("foreign", 7)],
)
def test_results_are_given_as_they_are_and_never_invented(
    chat: AnthropicChat, server: ProviderServer, kind: BatchFaultKind, with_body: int | None
) -> None:
    server.behave(batch_faults=(BatchFault(kind=kind),))
    items = run(chat)
    bodies = [item for item in items if item.body is not None]
    if with_body is None:
        assert len(bodies) < len(REQUESTS)
    else:
        assert len(bodies) == with_body
    assert all(item.error is not None for item in items if item.body is None)
    assert kind == "foreign" or {item.custom_id for item in items} <= dict(REQUESTS).keys()


def test_a_running_batch_is_cancelled(chat: AnthropicChat, server: ProviderServer) -> None:
    server.behave(batch_seconds=None)
    assert chat.batches is not None
    batch_id = chat.batches.submit(REQUESTS, submission_key="key")
    assert chat.batches.progress(batch_id).state == "running"
    chat.batches.cancel(batch_id)
    progress = chat.batches.progress(batch_id)
    items = list(chat.batches.results(batch_id))
    done = [item for item in items if item.body is not None]
    assert (progress.state, len(items), len(done)) == ("ended", len(REQUESTS), progress.done_count)
    assert 0 < progress.failed_count == len(items) - len(done)
    assert progress.problem == f"{progress.failed_count} cancelled"
    assert server.meter().billed_count == len(done), "what was computed is readable, and billed"

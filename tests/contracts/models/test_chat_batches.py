"""What every provider's batches promise, over real connections and through official clients."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from wellread.errors import DocumentError, QuotaExhaustedError, TransientError, WellreadError
from wellread.models.chat.factory import build_chat_model
from wellread.models.chat.protocol import BatchItem, ChatBatches, ChatMessage, ChatModel, ChatRequest
from wellread.models.chat.settings import ChatModelSettings
from wellread.testing.provider_server import BatchFault, BatchFaultKind, Fault, ProviderServer, provider_server

KEY = "key-31337-secret"
CHAT_MODELS: dict[str, dict[str, Any]] = {
    "openai-chat": {"provider": "openai", "model": "gpt-4o-mini"},
    "openai-responses": {"provider": "openai", "model": "gpt-4o-mini", "protocol": "responses"},
    "azure": {"provider": "openai", "model": "deployment-1", "preset": "azure"},
    "anthropic": {"provider": "anthropic", "model": "claude-sonnet-4-5"},
}
OF_OPENAI = {"openai-chat", "openai-responses", "azure"}


def asked(word: str) -> ChatRequest:
    passage = f'<passage id="1">\nThe {word} stands by the river, where it bends.\n</passage>'
    return ChatRequest((ChatMessage("user", f"{passage}\n\nQuestion: What stands by the river where it bends?"),))


REQUESTS = [(f"row-{n}", asked(word)) for n, word in enumerate(("mill", "tower", "inn", "naïve\u2028東京"))]


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with provider_server(api_key=KEY) as running:
        yield running


@pytest.fixture(params=CHAT_MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def chat(name: str, server: ProviderServer) -> Iterator[ChatModel]:
    url = server.openai_url if name.startswith("openai") else server.url
    given = {"base_url": url, "api_key": KEY, "enqueued_tokens": 5_000, **CHAT_MODELS[name]}
    model = build_chat_model(ChatModelSettings.model_validate(given))
    yield model
    model.close()


@pytest.fixture
def batches(chat: ChatModel) -> ChatBatches:
    assert chat.batches is not None
    return chat.batches


def by_id(items: Iterator[BatchItem]) -> dict[str, BatchItem]:
    return {item.custom_id: item for item in items}


def test_every_request_of_a_batch_gets_its_own_reply(chat: ChatModel, batches: ChatBatches) -> None:
    batch_id = batches.submit(REQUESTS, submission_key="job-1-wave-1")
    progress = batches.progress(batch_id)
    assert (progress.state, progress.problem) == ("ended", None)
    assert (progress.total_count, progress.done_count, progress.failed_count) == (4, 4, 0)
    items = by_id(batches.results(batch_id))
    assert set(items) == {custom_id for custom_id, _ in REQUESTS}
    for custom_id, request in REQUESTS:
        body = items[custom_id].body
        assert body is not None
        alone, together = chat.read(chat.ask(request).body), chat.read(body)
        assert (together.text, together.finish, together.usage) == (alone.text, alone.finish, alone.usage)


def test_a_batch_is_billed_as_a_batch_and_only_once(batches: ChatBatches, server: ProviderServer) -> None:
    batch_id = batches.submit(REQUESTS, submission_key="job-1-wave-1")
    for _ in range(3):
        assert len(list(batches.results(batch_id))) == 4
    assert server.meter().repeated == {}
    assert len(server.meter().billed) == 4


def test_a_running_batch_has_no_results_yet(batches: ChatBatches, server: ProviderServer) -> None:
    server.behave(batch_seconds=None)
    batch_id = batches.submit(REQUESTS, submission_key="job-1")
    assert batches.progress(batch_id).state == "running"
    with pytest.raises(TransientError):
        list(batches.results(batch_id))


def test_a_submission_is_found_by_its_key(batches: ChatBatches) -> None:
    if not batches.can_find:
        assert batches.find("job-1") is None
        return
    assert batches.find("job-1") is None
    first = batches.submit(REQUESTS[:1], submission_key="job-1")
    batches.submit(REQUESTS[1:2], submission_key="job-2")
    assert batches.find("job-1") == first
    assert batches.find("job-3") is None


def test_a_submission_is_found_beyond_the_first_page(name: str, batches: ChatBatches) -> None:
    if name != "openai-chat":
        pytest.skip("once is enough: the listing is the same")
    wanted = batches.submit(REQUESTS[:1], submission_key="the-first")
    for number in range(101):
        batches.submit(REQUESTS[:1], submission_key=f"later-{number}")
    assert batches.find("the-first") == wanted


@pytest.mark.parametrize("kind", ["out_of_order", "duplicated", "foreign"])
def test_lines_in_disorder_are_sorted_by_their_ids(
    name: str, chat: ChatModel, batches: ChatBatches, server: ProviderServer, kind: BatchFaultKind
) -> None:
    server.behave(batch_faults=(BatchFault(kind=kind, lines=2),))
    seen = list(batches.results(batches.submit(REQUESTS, submission_key="job-1")))
    if name in OF_OPENAI:
        assert len({item.custom_id for item in seen}) == len(seen), "a repeated id counts once"
    items = by_id(iter(seen))
    for word, (custom_id, _) in zip(("mill", "tower", "inn"), REQUESTS, strict=False):
        body = items[custom_id].body
        assert body is not None and word in chat.read(body).text


def test_a_missing_line_is_a_row_without_a_result(batches: ChatBatches, server: ProviderServer) -> None:
    server.behave(batch_faults=(BatchFault(kind="missing", lines=1),))
    items = by_id(batches.results(batches.submit(REQUESTS, submission_key="job-1")))
    assert len(items) == 3
    assert all(item.body is not None for item in items.values())


def test_a_failed_line_is_an_error_of_its_own(batches: ChatBatches, server: ProviderServer) -> None:
    server.behave(batch_faults=(BatchFault(kind="failed_line", lines=1),))
    items = by_id(batches.results(batches.submit(REQUESTS, submission_key="job-1")))
    failed = [item for item in items.values() if item.body is None]
    assert len(items) == 4
    assert len(failed) == 1
    assert isinstance(failed[0].error, WellreadError)


def test_a_request_that_does_not_fit_fails_alone(name: str) -> None:
    with provider_server(context_tokens=2_000) as server:
        url = server.openai_url if name.startswith("openai") else server.url
        given = {"base_url": url, "api_key": KEY, "output_tokens": 100, **CHAT_MODELS[name]}
        batches = build_chat_model(ChatModelSettings.model_validate(given)).batches
        assert batches is not None
        long = ChatRequest((ChatMessage("user", "mill " * 4_000),))
        batch_id = batches.submit([REQUESTS[0], ("long", long)], submission_key="job-1")
        items = by_id(batches.results(batch_id))
    assert items[REQUESTS[0][0]].body is not None
    error = items["long"].error
    assert isinstance(error, DocumentError)
    assert (error.stage, error.cause) == ("answer", "too_long")


def test_an_expired_batch_is_ended_and_its_open_rows_can_be_sent_again(
    batches: ChatBatches, server: ProviderServer
) -> None:
    server.behave(batch_faults=(BatchFault(kind="expired"),))
    batch_id = batches.submit(REQUESTS, submission_key="job-1")
    assert batches.progress(batch_id).state == "ended"
    items = by_id(batches.results(batch_id))
    open_rows = [item for item in items.values() if item.body is None]
    assert open_rows
    assert all(item.error is not None and item.error.retryable for item in open_rows)


def test_a_cancelled_batch_ends(batches: ChatBatches, server: ProviderServer) -> None:
    server.behave(batch_seconds=None)
    batch_id = batches.submit(REQUESTS, submission_key="job-1")
    batches.cancel(batch_id)
    assert batches.progress(batch_id).state == "ended"
    assert all(item.body is not None or item.error is not None for item in batches.results(batch_id))


def test_a_rejected_batch_says_why_and_computes_nothing(
    name: str, batches: ChatBatches, server: ProviderServer
) -> None:
    if name not in OF_OPENAI:
        pytest.skip("only OpenAI takes a batch and rejects it later")
    server.behave(batch_faults=(BatchFault(kind="rejected"),))
    batch_id = batches.submit(REQUESTS, submission_key="job-1")
    progress = batches.progress(batch_id)
    assert progress.state == "rejected"
    assert progress.problem
    assert not progress.is_over_limit
    assert list(batches.results(batch_id)) == []
    assert not server.meter().billed


def test_too_many_enqueued_tokens_are_told_from_other_rejections(
    name: str, batches: ChatBatches, server: ProviderServer
) -> None:
    if name not in OF_OPENAI:
        pytest.skip("only OpenAI counts enqueued tokens")
    assert batches.limits.enqueued_tokens == 5_000
    server.behave(batch_faults=(BatchFault(kind="over_token_limit"),))
    progress = batches.progress(batches.submit(REQUESTS, submission_key="job-1"))
    assert progress.state == "rejected"
    assert progress.is_over_limit


def test_an_outage_and_a_quota_are_told_apart_when_submitting(batches: ChatBatches, server: ProviderServer) -> None:
    server.behave(Fault(kind="server_error"), Fault(kind="insufficient_quota"))
    with pytest.raises(TransientError):
        batches.submit(REQUESTS, submission_key="job-1")
    with pytest.raises(QuotaExhaustedError):
        batches.submit(REQUESTS, submission_key="job-1")


def test_the_callers_mistakes_are_not_sent(batches: ChatBatches, server: ProviderServer) -> None:
    for requests in ([], [REQUESTS[0], REQUESTS[0]], [REQUESTS[0]] * (batches.limits.requests_per_batch + 1)):
        with pytest.raises(ValueError):
            batches.submit(requests, submission_key="job-1")
    assert server.meter().requests_count == 0


def test_threads_can_read_results_at_once(batches: ChatBatches) -> None:
    batch_id = batches.submit(REQUESTS, submission_key="job-1")
    counts: list[int] = []
    workers = [
        threading.Thread(target=lambda: counts.append(len(list(batches.results(batch_id))))) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counts == [4, 4, 4, 4]
